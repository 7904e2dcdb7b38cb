import { assert } from '@millrace/stdx';
import type { Prefix } from './prefix.ts';
import { type PrefixMatch, RadixTree } from './radix-tree.ts';

const noMatch: PrefixMatch<Prefix> = { length: 0, holders: new Set<Prefix>() };

/** Finds prefixes by their tokens, and keeps tenants apart when told to. */
export class PrefixIndex {
  readonly #isolatesTenants: boolean;
  readonly #trees = new Map<string, RadixTree<Prefix>>();

  constructor(isolatesTenants: boolean) {
    this.#isolatesTenants = isolatesTenants;
  }

  /** The longest prefix of `tokens` that this tenant may use. */
  longestMatch(tenant: string, tokens: Int32Array): PrefixMatch<Prefix> {
    return this.#trees.get(this.#keyOf(tenant))?.longestMatch(tokens) ?? noMatch;
  }

  /** True when the two tenants may read each other's prefixes. */
  share(tenant: string, other: string): boolean {
    return !this.#isolatesTenants || tenant === other;
  }

  /** Makes the computed tokens of `prefix` known. */
  publish(prefix: Prefix): void {
    if (prefix.length <= prefix.publishedLength) return;
    this.#treeOf(prefix.tenant).insert(prefix, prefix.tokens.subarray(0, prefix.length));
    prefix.publishedLength = prefix.length;
  }

  withdraw(prefix: Prefix): void {
    const key = this.#keyOf(prefix.tenant);
    const tree = this.#treeOf(prefix.tenant);
    assert(prefix.publishedLength <= prefix.tokens.length, 'what was published is still known');
    tree.remove(prefix, prefix.tokens.subarray(0, prefix.publishedLength));
    prefix.publishedLength = 0;
    if (tree.isEmpty) this.#trees.delete(key);
  }

  #keyOf(tenant: string): string {
    return this.#isolatesTenants ? tenant : '';
  }

  #treeOf(tenant: string): RadixTree<Prefix> {
    const key = this.#keyOf(tenant);
    let tree = this.#trees.get(key);
    if (tree === undefined) {
      tree = new RadixTree<Prefix>();
      this.#trees.set(key, tree);
    }
    return tree;
  }
}

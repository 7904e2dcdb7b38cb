import { assert } from '@millrace/stdx';

/** The longest prefix of a prompt that somebody holds. */
export interface PrefixMatch<Holder> {
  /** Tokens that match, 0 when nobody holds the first one. */
  readonly length: number;
  /** Those who hold all `length` tokens; empty when `length` is 0. */
  readonly holders: ReadonlySet<Holder>;
}

interface Node<Holder> {
  /** Tokens on the edge into this node; a view of some holder's tokens at the time of insertion. */
  edge: Int32Array;
  /** Everybody whose tokens run through the whole edge. */
  holders: Set<Holder>;
  children: Map<number, Node<Holder>>;
}

const nobody: ReadonlySet<never> = new Set<never>();

/**
 * Says who holds the longest prefix of a token list: a compressed trie whose edges carry tokens. Tokens are
 * compared, never hashes, so a match is a match. The cost of each call is linear in the tokens given.
 */
export class RadixTree<Holder> {
  readonly #root: Node<Holder> = {
    edge: new Int32Array(0),
    holders: new Set(),
    children: new Map(),
  };

  /** Records that `holder` holds `tokens`. Copies them. Inserting a longer list of the same start extends it. */
  insert(holder: Holder, tokens: Int32Array): void {
    const kept = tokens.slice();
    let node = this.#root;
    let offset = 0;
    while (offset < kept.length) {
      const child = node.children.get(kept[offset] as number);
      if (child === undefined) {
        const leaf = {
          edge: kept.subarray(offset),
          holders: new Set([holder]),
          children: new Map(),
        };
        node.children.set(kept[offset] as number, leaf);
        return;
      }
      const shared = commonLength(child.edge, kept, offset);
      if (shared < child.edge.length) split(child, shared);
      child.holders.add(holder);
      node = child;
      offset += shared;
    }
  }

  /** Forgets that `holder` holds `tokens`, of which it must have inserted at least as many. */
  remove(holder: Holder, tokens: Int32Array): void {
    this.truncate(holder, tokens, 0);
  }

  /** Forgets what `holder` holds of `tokens` past the first `length`. */
  truncate(holder: Holder, tokens: Int32Array, length: number): void {
    let parent = this.#root;
    let offset = 0;
    while (offset < tokens.length) {
      const child = parent.children.get(tokens[offset] as number);
      if (child === undefined || !child.holders.has(holder)) return;
      const end = offset + child.edge.length;
      if (offset < length && length < end) split(child, length - offset);
      const edgeEnd = offset + child.edge.length;
      if (edgeEnd > length) {
        child.holders.delete(holder);
        if (child.holders.size === 0) {
          assert(onlyStaleBelow(child, holder), 'a node without holders has held descendants');
          parent.children.delete(tokens[offset] as number);
          return;
        }
      }
      parent = child;
      offset = edgeEnd;
    }
  }

  /** The longest prefix of `tokens` that anybody holds. */
  longestMatch(tokens: Int32Array): PrefixMatch<Holder> {
    let node = this.#root;
    let offset = 0;
    while (offset < tokens.length) {
      const child = node.children.get(tokens[offset] as number);
      if (child === undefined) break;
      const shared = commonLength(child.edge, tokens, offset);
      offset += shared;
      node = child;
      if (shared < child.edge.length) break;
    }
    return { length: offset, holders: offset === 0 ? nobody : node.holders };
  }

  get isEmpty(): boolean {
    return this.#root.children.size === 0;
  }

  /** Nodes in the tree without its root: a measure of memory. */
  get nodeCount(): number {
    let count = -1;
    const pending = [this.#root];
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      count++;
      pending.push(...node.children.values());
    }
    return count;
  }
}

function commonLength(edge: Int32Array, tokens: Int32Array, offset: number): number {
  const bound = Math.min(edge.length, tokens.length - offset);
  let length = 0;
  while (length < bound && edge[length] === tokens[offset + length]) length++;
  return length;
}

/** Cuts a node's edge after `length` tokens; what follows becomes its one child. */
function split<Holder>(node: Node<Holder>, length: number): void {
  assert(length > 0 && length < node.edge.length, 'an edge is cut inside');
  const rest: Node<Holder> = {
    edge: node.edge.subarray(length),
    holders: new Set(node.holders),
    children: node.children,
  };
  node.edge = node.edge.subarray(0, length);
  node.children = new Map([[rest.edge[0] as number, rest]]);
}

/** Below a node that only `holder` held, only `holder` can stand: nobody holds a suffix without its prefix. */
function onlyStaleBelow<Holder>(node: Node<Holder>, holder: Holder): boolean {
  for (const child of node.children.values()) {
    for (const other of child.holders) if (other !== holder) return false;
  }
  return true;
}

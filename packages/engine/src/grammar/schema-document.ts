import {
  checkKeywords,
  isSchemaObject,
  pointerTo,
  type SchemaObject,
  unsupported,
} from './schema-keywords.ts';
import { areDisjoint } from './schema-disjoint.ts';

/** One schema of the document: its value, and where it was found. */
export interface SchemaNode {
  readonly schema: unknown;
  readonly pointer: string;
}

/** Schema objects all of which a value must satisfy, free of `$ref`, `allOf`, `anyOf` and `oneOf` by themselves. */
export type Conjunction = readonly (SchemaNode & { readonly schema: SchemaObject })[];

/** Bounds on what a document may unfold to. */
export const schemaBounds = {
  alternativesMax: 256,
  depthMax: 64,
  stepsMax: 50_000,
  allAlternativesMax: 4096,
} as const;

/** A JSON schema with its references. */
export class SchemaDocument {
  readonly root: SchemaNode;
  #stepCount = 0;
  #alternativeCount = 0;

  constructor(schema: unknown) {
    this.root = { schema, pointer: '#' };
  }

  /**
   * The ways to satisfy all of `nodes`, each a set of plain schema objects; none when nothing satisfies them.
   * `anyOf` and `oneOf` multiply out, so that what stands beside them holds in every branch.
   */
  alternatives(nodes: readonly SchemaNode[]): readonly Conjunction[] {
    const alternatives: Conjunction[] = [];
    this.#unfold({
      pending: nodes.map((node) => ({ node, ancestors: [] })),
      taken: [],
      emit: (conjunction) => {
        alternatives.push(conjunction);
        this.#alternativeCount++;
        const { alternativesMax, allAlternativesMax } = schemaBounds;
        if (alternatives.length <= alternativesMax && this.#alternativeCount <= allAlternativesMax)
          return;
        throw unsupported({
          pointer: nodes[0]?.pointer ?? '#',
          keyword: 'anyOf',
          allowed: `at most ${alternativesMax} combinations of branches in one place, ${allAlternativesMax} in all`,
        });
      },
    });
    return alternatives;
  }

  #unfold(state: UnfoldState): void {
    const [first, ...pending] = state.pending;
    if (first === undefined) return state.emit(state.taken);
    const { node, ancestors } = first;
    const { schema, pointer } = node;
    this.#countStep(pointer);
    if (schema === true) return this.#unfold({ ...state, pending });
    if (schema === false) return;
    if (!isSchemaObject(schema)) {
      throw unsupported({
        pointer,
        keyword: 'schema',
        value: schema,
        allowed: 'an object, true or false',
      });
    }
    if (ancestors.includes(schema) || ancestors.length > schemaBounds.depthMax) {
      throw unsupported({
        pointer,
        keyword: '$ref',
        allowed: 'references that do not lead back to themselves',
      });
    }
    if (state.taken.some((one) => one.schema === schema))
      return this.#unfold({ ...state, pending });
    checkKeywords(schema, pointer);
    const place = { ancestors: [...ancestors, schema] };
    const required = this.#requiredParts(schema, pointer).map((part) => ({ node: part, ...place }));
    const taken = [...state.taken, { schema, pointer }];
    for (const branches of product(this.#branchLists(schema, pointer))) {
      const chosen = branches.map((branch) => ({ node: branch, ...place }));
      this.#unfold({ ...state, taken, pending: [...required, ...chosen, ...pending] });
    }
  }

  #countStep(pointer: string): void {
    if (++this.#stepCount <= schemaBounds.stepsMax) return;
    throw unsupported({
      pointer,
      keyword: 'schema',
      allowed: `at most ${schemaBounds.stepsMax} schemas once references and branches are followed`,
    });
  }

  #requiredParts(schema: SchemaObject, pointer: string): readonly SchemaNode[] {
    const parts: SchemaNode[] = [];
    if (schema['$ref'] !== undefined) parts.push(this.resolve(schema['$ref'], pointer));
    if (schema['allOf'] !== undefined) parts.push(...schemasIn(schema, 'allOf', pointer));
    return parts;
  }

  #branchLists(schema: SchemaObject, pointer: string): readonly (readonly SchemaNode[])[] {
    const lists: (readonly SchemaNode[])[] = [];
    if (schema['anyOf'] !== undefined) lists.push(schemasIn(schema, 'anyOf', pointer));
    if (schema['oneOf'] === undefined) return lists;
    const branches = schemasIn(schema, 'oneOf', pointer);
    const resolved = branches.map((branch) => this.#withoutReference(branch));
    for (const [index, one] of resolved.entries()) {
      if (resolved.slice(0, index).every((other) => areDisjoint(one.schema, other.schema)))
        continue;
      throw unsupported({
        pointer: pointerTo(pointer, 'oneOf', index),
        keyword: 'oneOf',
        allowed:
          'branches that exclude each other by type, or by a required property with its own const; else anyOf',
      });
    }
    return [...lists, branches];
  }

  #withoutReference(node: SchemaNode): SchemaNode {
    let current = node;
    for (let depth = 0; depth < schemaBounds.depthMax; depth++) {
      const { schema } = current;
      if (!isSchemaObject(schema) || schema['$ref'] === undefined) return current;
      current = this.resolve(schema['$ref'], current.pointer);
    }
    return current;
  }

  /** What a reference within the document points to. */
  resolve(reference: unknown, pointer: string): SchemaNode {
    const refused = (allowed: string): Error =>
      unsupported({ pointer, keyword: '$ref', value: reference, allowed });
    if (typeof reference !== 'string' || !/^#(\/|$)/.test(reference)) {
      throw refused('references within the schema, such as "#/$defs/name"');
    }
    let schema = this.root.schema;
    for (const step of reference.split('/').slice(1)) {
      const key = decodeStep(step);
      if (typeof schema !== 'object' || schema === null || !Object.hasOwn(schema, key)) {
        throw refused(`a place that exists; there is no "${key}"`);
      }
      schema = (schema as SchemaObject)[key];
    }
    return { schema, pointer: reference };
  }
}

interface UnfoldState {
  readonly pending: readonly {
    readonly node: SchemaNode;
    readonly ancestors: readonly SchemaObject[];
  }[];
  readonly taken: Conjunction;
  readonly emit: (conjunction: Conjunction) => void;
}

function schemasIn(schema: SchemaObject, keyword: string, pointer: string): readonly SchemaNode[] {
  const list = schema[keyword];
  if (!Array.isArray(list) || list.length === 0 || list.length > schemaBounds.alternativesMax) {
    const allowed = `an array of 1 to ${schemaBounds.alternativesMax} schemas`;
    throw unsupported({ pointer, keyword, value: list, allowed });
  }
  return list.map((one: unknown, index) => ({
    schema: one,
    pointer: pointerTo(pointer, keyword, index),
  }));
}

function product(lists: readonly (readonly SchemaNode[])[]): readonly (readonly SchemaNode[])[] {
  let rows: (readonly SchemaNode[])[] = [[]];
  for (const list of lists) rows = rows.flatMap((row) => list.map((one) => [...row, one]));
  return rows;
}

function decodeStep(step: string): string {
  let decoded = step;
  try {
    decoded = decodeURIComponent(step);
  } catch {
    // A lone percent sign stands for itself.
  }
  return decoded.replaceAll('~1', '/').replaceAll('~0', '~');
}

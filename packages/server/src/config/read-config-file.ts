import { type Document, isNode, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { ServerError } from '../errors.ts';
import type { EngineConfig } from './engines-schema.ts';
import {
  type AliasConfig,
  type EndpointConfig,
  type FileConfig,
  fileSchema,
  knownKeysAt,
  type TenantConfig,
} from './file-schema.ts';
import { suggestion } from './settings.ts';

/** Aliases of YAML may not blow a small file up. */
const aliasesMax = 100;

/** Reads the text of `millrace.yaml`. Throws `SERVER_SETTING_INVALID` with everything that is wrong, each with its place. */
export function readConfigFile(text: string, name: string): FileConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  if (document.errors.length > 0) {
    throw invalid(
      document.errors.map((error) => `${place(error.pos[0])}: ${firstLine(error.message)}`),
    );
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: aliasesMax });
  } catch (error) {
    throw invalid([`${name}: ${firstLine(String(error))}`]);
  }
  const read = fileSchema.safeParse(value ?? {});
  if (read.success) {
    const clashes = clashesIn(read.data);
    if (clashes.length > 0) throw invalid(clashes.map((clash) => `${name}: ${clash}`));
    return read.data;
  }
  const problems = read.error.issues.flatMap((issue) => sentencesOf(issue));
  throw invalid(
    problems.map(({ path, sentence }) => {
      const told = document.hasIn(path) ? sentence : 'is missing';
      return `${place(offsetOf(document, path))}: ${shownPath(path)} ${told}`;
    }),
  );
}

interface Problem {
  readonly path: readonly (string | number)[];
  readonly sentence: string;
}

/** One sentence for each thing that is wrong; of a union, what is wrong with the alternative that fits best. */
function sentencesOf(issue: z.core.$ZodIssue): readonly Problem[] {
  const path = issue.path.filter((part) => typeof part !== 'symbol');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: [...path, key],
      sentence: `is not known${suggestion(key, knownKeysAt(path))}`,
    }));
  }
  if (issue.code === 'invalid_union') {
    const best = issue.errors.toSorted((one, other) => one.length - other.length)[0];
    if (best !== undefined && best.length > 0) {
      return best.flatMap((inner) => sentencesOf({ ...inner, path: [...path, ...inner.path] }));
    }
  }
  return [{ path, sentence: `is wrong: ${issue.message}` }];
}

/** What metrics and decisions call an endpoint. */
export function endpointName(endpoint: EndpointConfig): string {
  return endpoint.name ?? new URL(endpoint.url).host;
}

/** What metrics and decisions call an engine that is started here: its program and its place in the file. */
export function engineName(engine: EngineConfig, index: number): string {
  return engine.name ?? `${engine.launch}-${index}`;
}

/** The models that an alias stands for, in turn. */
export function aliasModels(alias: AliasConfig): readonly string[] {
  if (typeof alias === 'string') return [alias];
  return 'models' in alias ? alias.models : alias;
}

/** What no single key shows: names given twice, aliases that lead nowhere or in a circle. */
function clashesIn(config: FileConfig): readonly string[] {
  const clashes: string[] = [];
  const endpoints = config.endpoints ?? [];
  const engines = config.engines ?? [];
  if (endpoints.length + engines.length === 0)
    clashes.push('neither "endpoints" nor "engines" is there; name at least one of either');
  const names = [...endpoints.map(endpointName), ...engines.map(engineName)];
  const placeOf = (index: number): string =>
    index < endpoints.length ? `endpoints[${index}]` : `engines[${index - endpoints.length}]`;
  for (const [index, name] of names.entries()) {
    const first = names.indexOf(name);
    if (first < index)
      clashes.push(
        `${placeOf(index)} has the name "${name}" of ${placeOf(first)}; give it another`,
      );
  }
  clashes.push(...tenantClashes(config.tenants ?? []));
  const aliases = config.aliases ?? {};
  for (const [alias, targets] of Object.entries(aliases)) {
    for (const target of aliasModels(targets)) {
      if (Object.hasOwn(aliases, target))
        clashes.push(`aliases.${alias} names "${target}", which is an alias itself; name models`);
    }
  }
  return clashes;
}

function tenantClashes(tenants: readonly TenantConfig[]): readonly string[] {
  const nameOf = new Map<string, string>();
  const names = new Set<string>();
  const clashes: string[] = [];
  for (const [index, { name, keys }] of tenants.entries()) {
    if (names.has(name))
      clashes.push(`tenants[${index}] has the name "${name}" of another; give it another`);
    names.add(name);
    for (const key of keys.map((text) => text.toLowerCase())) {
      const other = nameOf.get(key);
      if (other !== undefined) clashes.push(`tenants[${index}] has a key that "${other}" has too`);
      nameOf.set(key, name);
    }
  }
  return clashes;
}

function shownPath(path: readonly (string | number)[]): string {
  const text = path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`))
    .join('')
    .replace(/^\./, '');
  return text === '' ? 'the file' : text;
}

/** Where the value at a path begins, or what should hold it. */
function offsetOf(document: Document, path: readonly (string | number)[]): number {
  for (let length = path.length; length > 0; length--) {
    const node: unknown = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return document.contents?.range?.[0] ?? 0;
}

function firstLine(text: string): string {
  return text.split('\n')[0]?.replace(/ at line \d+, column \d+:?$/, '') ?? '';
}

function invalid(problems: readonly string[]): ServerError {
  return new ServerError(problems.join('\n'), { code: 'SERVER_SETTING_INVALID' });
}

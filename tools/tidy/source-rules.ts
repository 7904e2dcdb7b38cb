import type { TrackedFile } from './repository.ts';

const forbiddenWords = ['util', 'helper', 'common', 'misc', 'manager', 'service', 'data', 'info'];
const forbiddenWord = new RegExp(`^(${forbiddenWords.join('|')})s?$`);
const exportForm =
  /^export (?:declare )?(?:abstract )?(?:async )?(?:class|function\*?|const|interface|type) (\w+)/gm;
const openWork = /\b(TODO|FIXME|XXX|HACK)\b(?!\(#\d+\))/;
// Spelt in parts, so that this file does not hold what it looks for.
const machinePath = new RegExp(
  `(^|[\\s'"\`(=:])/(${['home', 'root', 'work', 'Users'].join('|')})/[\\w.]`,
);
const topLevelStart =
  /^(import|export|const|function|async function|class|abstract class|interface|type|declare|@|[})\]/*`'"|&?:<>+-]|$|\s)/;
const emptyContainer =
  /^(?:export )?const \w+(?::[^=]+)? = (?:new (?:Map|Set|WeakMap|WeakSet|Array)(?:<.*>)?\(\)|\[\]|\{\});/;

/** Paths and exported names that say nothing. */
export function nameProblems(file: TrackedFile): readonly string[] {
  const segments = file.path.split('/').flatMap((segment) => segment.split(/[-.]/));
  const inPath = segments.some((word) => forbiddenWord.test(word))
    ? [`${file.path}: the path has a name that says nothing`]
    : [];
  const inExports = Array.from(file.text.matchAll(exportForm), (match) => match[1] ?? '')
    .filter((name) => forbiddenWord.test(lastWord(name)))
    .map((name) => `${file.path}: ${name} has a name that says nothing`);
  return [...inPath, ...inExports];
}

/** Marks of open work without an issue's number. */
export function openWorkProblems(file: TrackedFile): readonly string[] {
  return linesWhere(file, (line) => openWork.test(line)).map(
    (at) => `${at}: name the issue: TODO(#12)`,
  );
}

/** Paths of somebody's machine. */
export function machinePathProblems(file: TrackedFile): readonly string[] {
  return linesWhere(file, (line) => machinePath.test(line)).map(
    (at) => `${at}: a path of one machine`,
  );
}

/** State and effects that an import would bring. */
export function moduleLevelProblems(file: TrackedFile): readonly string[] {
  const code = { path: file.path, text: withoutCommentsAndTemplates(file.text) };
  return [
    ...linesWhere(code, (line) => /^(export )?(let|var) /.test(line)).map(
      (at) => `${at}: mutable state at module level`,
    ),
    ...linesWhere(
      code,
      (line) => emptyContainer.test(line) && !/\breadonly\b|\bReadonly/.test(line),
    ).map((at) => `${at}: a container to fill at module level`),
    ...linesWhere(code, (line) => !topLevelStart.test(line) && !/^(let|var) /.test(line)).map(
      (at) => `${at}: something happens on import`,
    ),
  ];
}

/** Comments are blanked and template literals emptied, line by line, so that lines keep their numbers. */
function withoutCommentsAndTemplates(text: string): string {
  const keepLines = (match: string): string => match.replaceAll(/[^\n]/g, '');
  return text
    .replaceAll(/\/\*[\s\S]*?\*\//g, keepLines)
    .replaceAll(/^\s*\/\/.*$/gm, '')
    .replaceAll(/`(?:\\.|[^`\\])*`/gs, (match) => `''${keepLines(match).replaceAll('\n', '\n ')}`);
}

function lastWord(name: string): string {
  return (/[A-Z]?[a-z0-9]*$/.exec(name)?.[0] ?? '').toLowerCase();
}

function linesWhere(file: TrackedFile, isBad: (line: string) => boolean): readonly string[] {
  return file.text
    .split('\n')
    .flatMap((line, index) => (isBad(line) ? [`${file.path}:${index + 1}`] : []));
}

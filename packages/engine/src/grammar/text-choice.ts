import { choice, type Expression, nothing, sequence, text } from './expression.ts';

/**
 * One of several texts, beginnings that they share written once: libllama follows every option of a choice at the
 * same time, so a plain choice among thousands would cost as much at each token.
 */
export function textChoice(texts: readonly string[]): Expression {
  const distinct = [...new Set(texts)].toSorted();
  return choiceFrom(distinct.map((one) => Array.from(one)));
}

/** `endings` are sorted, so that those which begin alike stand together. */
function choiceFrom(endings: readonly (readonly string[])[]): Expression {
  const options: Expression[] = [];
  const groups = Map.groupBy(endings, ([first]) => first);
  for (const [first, group] of groups) {
    if (first === undefined) options.push(nothing);
    else options.push(groupExpression(group));
  }
  return choice(...options);
}

function groupExpression(group: readonly (readonly string[])[]): Expression {
  const [one = [], ...others] = group;
  const isShared = (character: string, at: number): boolean =>
    others.every((other) => other[at] === character);
  const end = one.findIndex((character, at) => !isShared(character, at));
  const length = end === -1 ? one.length : end;
  const shared = text(one.slice(0, length).join(''));
  if (others.length === 0) return shared;
  return sequence(shared, choiceFrom(group.map((ending) => ending.slice(length))));
}

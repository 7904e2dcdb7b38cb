import { choice, type Expression, nothing, sequence, text } from './expression.ts';
import type { GrammarBuilder } from './grammar-builder.ts';

/**
 * One of several texts, beginnings that they share written once: libllama follows every option of a choice at the
 * same time, so a plain choice among thousands would cost as much at each token.
 */
export function textChoice(builder: GrammarBuilder, texts: readonly string[]): Expression {
  const distinct = [...new Set(texts)].toSorted();
  return choiceFrom(
    distinct.map((one) => Array.from(one)),
    { builder, depth: 0 },
  );
}

/** Deeper groups become rules of their own: libllama reads groups by recursion. */
const groupsDepthMax = 32;

interface Place {
  readonly builder: GrammarBuilder;
  readonly depth: number;
}

/** `endings` are sorted, so that those which begin alike stand together. */
function choiceFrom(endings: readonly (readonly string[])[], place: Place): Expression {
  const options: Expression[] = [];
  const groups = Map.groupBy(endings, ([first]) => first);
  for (const [first, group] of groups) {
    if (first === undefined) options.push(nothing);
    else options.push(groupExpression(group, place));
  }
  const { builder, depth } = place;
  const isDeep = depth > 0 && depth % groupsDepthMax === 0;
  return isDeep ? builder.add('values', choice(...options)) : choice(...options);
}

function groupExpression(group: readonly (readonly string[])[], place: Place): Expression {
  const [one = [], ...others] = group;
  const isShared = (character: string, at: number): boolean =>
    others.every((other) => other[at] === character);
  const end = one.findIndex((character, at) => !isShared(character, at));
  const length = end === -1 ? one.length : end;
  const shared = text(one.slice(0, length).join(''));
  if (others.length === 0) return shared;
  const endings = group.map((ending) => ending.slice(length));
  return sequence(shared, choiceFrom(endings, { ...place, depth: place.depth + 1 }));
}

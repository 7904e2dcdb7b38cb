/**
 * The index of the first item that passes, or the length where none does. Items that pass stand behind all that do not, as
 * those do that are past a value in a sorted list; looks at no more than log2 of them.
 */
export function firstIndex<Item>(items: readonly Item[], passes: (item: Item) => boolean): number {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (passes(items[middle] as Item)) high = middle;
    else low = middle + 1;
  }
  return low;
}

import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { NumberTable } from './number-table.ts';

test('a table is a list of rows of which the latest stay', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 90 }),
      fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 300 }),
      fc.integer({ min: -1, max: 500 }),
      (rowsMax, steps, sought) => {
        const table = new NumberTable(2, rowsMax);
        let model: [number, number][] = [];
        let value = 0;
        for (const step of steps) {
          value += step;
          if (model.length === rowsMax) {
            const kept = Math.floor(rowsMax * 0.75);
            model = model.slice(model.length - kept);
          }
          model.push([value, -value]);
          const row = table.add();
          table.set(row, 0, value);
          table.set(row, 1, -value);
        }
        const rows = Array.from({ length: table.length }, (_, row) => [
          table.at(row, 0),
          table.at(row, 1),
        ]);
        assert.deepEqual(rows, model);
        const first = model.findIndex(([one]) => one > sought);
        assert.equal(table.firstAbove(0, sought), first === -1 ? model.length : first);
      },
    ),
  );
});

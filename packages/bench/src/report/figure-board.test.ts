import assert from 'node:assert/strict';
import test from 'node:test';
import { FigureBoard } from './figure-board.ts';

test('goes on from earlier figures of the same comparison and leaves others alone', () => {
  const earlier = [
    { comparison: 'peers', side: 'ours', name: 'tokens/s', values: [10, 30] },
    { comparison: 'other', side: 'ours', name: 'tokens/s', values: [1000] },
  ];
  const board = new FigureBoard('peers', earlier);
  assert.equal(board.roundCount, 2);
  board.add('ours', 'tokens/s', 20);
  assert.equal(board.roundCount, 3);
  assert.equal(board.median('ours', 'tokens/s'), 20);
  assert.deepEqual(board.figures, [
    { comparison: 'peers', side: 'ours', name: 'tokens/s', values: [10, 30, 20] },
  ]);
});

test('takes the better of the sides whose name begins alike', () => {
  const board = new FigureBoard('peers');
  board.add('server unified', 'ms', 30);
  board.add('server streams', 'ms', 20);
  board.add('ours', 'ms', 1);
  assert.equal(board.best('server', 'ms', 'less'), 20);
  assert.equal(board.best('server', 'ms', 'more'), 30);
  assert.equal(board.best('nobody', 'ms', 'more'), Number.NaN);
});

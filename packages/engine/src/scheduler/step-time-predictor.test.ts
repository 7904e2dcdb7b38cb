import assert from 'node:assert/strict';
import test from 'node:test';
import { seededPrng } from '@millrace/stdx';
import { StepTimePredictor, type StepWork } from './step-time-predictor.ts';

/** A machine whose steps cost what these weights say, with noise. */
function machineMs(work: StepWork, noise: number): number {
  let ms = (work.copiedCells / 1024) * 6;
  for (const { tokens, outputs, width } of work.microBatches) {
    ms += 9 + tokens * 2.2 + outputs * 1.4 + (tokens * width * 0.3) / 1024;
  }
  return ms * (1 + noise);
}

function randomWork(random: ReturnType<typeof seededPrng>): StepWork {
  const decodes = 1 + random.below(32);
  const chunk = random.below(3) === 0 ? 16 + random.below(200) : 0;
  const width = 256 * (1 + random.below(6));
  const microBatches = [{ tokens: decodes, outputs: decodes, width }];
  if (chunk > 0) microBatches.push({ tokens: chunk, outputs: 0, width });
  return { microBatches, copiedCells: random.below(8) === 0 ? 2048 : 0 };
}

test('learns what steps cost, through noise', () => {
  const random = seededPrng(1);
  const predictor = new StepTimePredictor();
  for (let step = 0; step < 400; step++) {
    const work = randomWork(random);
    predictor.observe(work, machineMs(work, (random.next() - 0.5) * 0.2));
  }
  for (let step = 0; step < 50; step++) {
    const work = randomWork(random);
    const actual = machineMs(work, 0);
    const error = Math.abs(predictor.predictMs(work) - actual) / actual;
    assert.ok(error < 0.12, `predicted ${predictor.predictMs(work)}, took ${actual}`);
  }
  assert.ok(predictor.errorRatio < 0.15, `the error is known: ${predictor.errorRatio}`);
});

test('is not thrown off by a few steps that something else disturbed', () => {
  const random = seededPrng(2);
  const predictor = new StepTimePredictor();
  const work = { microBatches: [{ tokens: 8, outputs: 8, width: 256 }], copiedCells: 0 };
  for (let step = 0; step < 200; step++) {
    const sample = randomWork(random);
    predictor.observe(sample, machineMs(sample, 0) * (step % 40 === 39 ? 20 : 1));
  }
  const actual = machineMs(work, 0);
  assert.ok(
    predictor.predictMs(work) < actual * 2.5,
    `predicted ${predictor.predictMs(work)}, takes ${actual}`,
  );
});

test('forgets quickly what it learnt while the machine was disturbed', () => {
  const random = seededPrng(4);
  const predictor = new StepTimePredictor();
  for (let step = 0; step < 140; step++) {
    const work = randomWork(random);
    predictor.observe(work, machineMs(work, 0) * (step < 60 ? 15 : 1));
  }
  const work = randomWork(random);
  const error = Math.abs(predictor.predictMs(work) / machineMs(work, 0) - 1);
  assert.ok(error < 0.15, `off by ${error}`);
  assert.ok(predictor.errorRatio < 0.2, `and knows it: ${predictor.errorRatio}`);
});

test('follows a machine that becomes slower', () => {
  const random = seededPrng(3);
  const predictor = new StepTimePredictor();
  for (let step = 0; step < 900; step++) {
    const work = randomWork(random);
    predictor.observe(work, machineMs(work, 0) * (step < 300 ? 1 : 2));
  }
  const work = randomWork(random);
  const error = Math.abs(predictor.predictMs(work) / (machineMs(work, 0) * 2) - 1);
  assert.ok(error < 0.15, `off by ${error}`);
});

test('still knows what prefill costs after a long time of nothing but decodes', () => {
  for (const decodes of [1, 6, 32]) {
    const random = seededPrng(5 + decodes);
    const predictor = new StepTimePredictor();
    for (let step = 0; step < 60; step++) {
      const work = randomWork(random);
      predictor.observe(work, machineMs(work, (random.next() - 0.5) * 0.2));
    }
    for (let step = 0; step < 5000; step++) {
      const work = {
        microBatches: [{ tokens: decodes, outputs: decodes, width: 256 * (1 + (step >> 10)) }],
        copiedCells: 0,
      };
      const disturbance = step % 50 === 0 ? 4 : 1;
      predictor.observe(work, machineMs(work, (random.next() - 0.5) * 0.4) * disturbance);
    }
    const told = [predictor.tokenMs(512) / 2.35, predictor.outputMs(512) / 3.75];
    for (const ratio of told) {
      assert.ok(
        ratio > 0.4 && ratio < 2.5,
        `${decodes} decodes: ${told.join(' and ')} of the truth`,
      );
    }
  }
});

test('lays a time in which the machine was taken away to no cost for good', () => {
  const random = seededPrng(6);
  const predictor = new StepTimePredictor();
  for (let step = 0; step < 100; step++) {
    const work = randomWork(random);
    predictor.observe(work, machineMs(work, (random.next() - 0.5) * 0.2));
  }
  const single = { microBatches: [{ tokens: 1, outputs: 1, width: 256 }], copiedCells: 0 };
  for (let step = 0; step < 60; step++)
    predictor.observe(single, step % 2 === 0 ? 3000 : machineMs(single, 0));
  for (let step = 0; step < 300; step++)
    predictor.observe(single, machineMs(single, (random.next() - 0.5) * 0.2));
  const told = [
    predictor.graphMs / 9,
    predictor.tokenMs(512) / 2.35,
    predictor.outputMs(512) / 3.75,
  ];
  assert.ok(
    told.every((ratio) => ratio > 0.2 && ratio < 3),
    `a graph, a token, an output are told as ${told.join(', ')} of the truth`,
  );
});

import type { MicroBatch } from './micro-batches.ts';

const featureCount = 5;
/** How much of the past counts: weights fall by this factor a step, so about 200 steps are remembered. */
const forgetting = 0.995;
/** The error's moving average takes this share of each new error. */
const errorShare = 0.05;
/** A step this many times slower than predicted was disturbed from outside; it counts as if it were just so slow. */
const outlierRatio = 3;
/** Past this error the machine has changed: what was learnt is doubted anew, and a few steps correct it. */
const errorRatioMax = 0.5;
/** How much the weights are doubted at first. */
const doubt = 10;
const errorRatioAssumed = 0.25;
/** Past this trace the past is not forgotten any faster: no step explores every direction, and doubt would grow without end. */
const covarianceTraceMax = 1e3;

/** A guess for the first step: milliseconds per graph, token, output, 1,024 attended and 1,024 copied cells. */
const priorMs: readonly number[] = [8, 2, 1, 0.2, 5];

/** What a step makes libllama do. */
export interface StepWork {
  readonly microBatches: readonly MicroBatch[];
  /** Cells of streams that are copied whole before the graphs. */
  readonly copiedCells: number;
}

/**
 * Predicts how long a step takes from what libllama will do: recursive least squares over (graphs, tokens, outputs,
 * tokens × attended cells, copied cells), which add up over a step.
 */
export class StepTimePredictor {
  readonly #weights = Float64Array.from(priorMs);
  readonly #covariance = new Float64Array(featureCount * featureCount);
  readonly #features = new Float64Array(featureCount);
  readonly #gain = new Float64Array(featureCount);
  #errorRatio = errorRatioAssumed;
  #stepCount = 0;

  constructor() {
    this.#doubtAll();
  }

  /** Moving average of |actual − predicted| / actual. */
  get errorRatio(): number {
    return this.#errorRatio;
  }

  get stepCount(): number {
    return this.#stepCount;
  }

  /** Milliseconds that the step should take. */
  predictMs(work: StepWork): number {
    this.#describe(work);
    return this.#predict();
  }

  /** Milliseconds that one more prefill token costs in a graph of this width. */
  tokenMs(width: number): number {
    const perToken = this.#weight(1) + (this.#weight(3) * width) / 1024;
    return Math.max(perToken, 0.001);
  }

  /** Milliseconds that one more decoding sequence costs in a graph of this width. */
  outputMs(width: number): number {
    return this.tokenMs(width) + Math.max(this.#weight(2), 0);
  }

  /** Milliseconds that a graph costs however small it is. */
  get graphMs(): number {
    return Math.max(this.#weight(0), 0);
  }

  /** Learns from a step that took `actualMs`. */
  observe(work: StepWork, actualMs: number): void {
    this.#describe(work);
    const predictedMs = this.#predict();
    const relative = Math.abs(actualMs - predictedMs) / Math.max(actualMs, 0.001);
    this.#errorRatio += errorShare * (Math.min(relative, 1) - this.#errorRatio);
    this.#stepCount++;
    if (this.#errorRatio > errorRatioMax) this.#doubtAll();
    const isSettled = this.#stepCount > 20;
    const believedMs = isSettled ? Math.min(actualMs, predictedMs * outlierRatio) : actualMs;
    this.#update(believedMs - this.#rawPrediction());
  }

  #describe({ microBatches, copiedCells }: StepWork): void {
    const features = this.#features;
    features.fill(0);
    features[4] = copiedCells / 1024;
    for (const { tokens, outputs, width } of microBatches) {
      features[0] = (features[0] as number) + 1;
      features[1] = (features[1] as number) + tokens;
      features[2] = (features[2] as number) + outputs;
      features[3] = (features[3] as number) + (tokens * width) / 1024;
    }
  }

  #predict(): number {
    return Math.max(this.#rawPrediction(), 0.1);
  }

  #rawPrediction(): number {
    let sum = 0;
    for (let at = 0; at < featureCount; at++)
      sum += this.#weight(at) * (this.#features[at] as number);
    return sum;
  }

  /** One step of recursive least squares: gain = P x / (λ + xᵀ P x); w += gain × error; P = (P − gain xᵀ P) / λ. */
  #update(errorMs: number): void {
    const covariance = this.#covariance;
    const features = this.#features;
    const gain = this.#gain;
    let spread = forgetting;
    for (let row = 0; row < featureCount; row++) {
      let sum = 0;
      for (let column = 0; column < featureCount; column++) {
        sum += (covariance[row * featureCount + column] as number) * (features[column] as number);
      }
      gain[row] = sum;
      spread += sum * (features[row] as number);
    }
    const memory = this.#trace() < covarianceTraceMax ? forgetting : 1;
    for (let row = 0; row < featureCount; row++) {
      const rowGain = gain[row] as number;
      this.#weights[row] = this.#weight(row) + (rowGain / spread) * errorMs;
      for (let column = 0; column < featureCount; column++) {
        const at = row * featureCount + column;
        const shrunk = (covariance[at] as number) - (rowGain * (gain[column] as number)) / spread;
        covariance[at] = shrunk / memory;
      }
    }
  }

  #doubtAll(): void {
    this.#covariance.fill(0);
    for (let row = 0; row < featureCount; row++) this.#covariance[row * (featureCount + 1)] = doubt;
    this.#errorRatio = errorRatioAssumed;
    this.#stepCount = 0;
  }

  #trace(): number {
    let sum = 0;
    for (let at = 0; at < featureCount; at++)
      sum += this.#covariance[at * (featureCount + 1)] as number;
    return sum;
  }

  #weight(at: number): number {
    return this.#weights[at] as number;
  }
}

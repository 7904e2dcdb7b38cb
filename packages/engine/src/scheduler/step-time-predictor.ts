import type { MicroBatch } from './micro-batches.ts';

const featureCount = 5;
/**
 * What is known of a cost falls back by this share a step to what is known of the machine as a whole, so about 200 steps
 * are remembered of what is seen, and no cost drifts away that steps of one shape cannot tell from another.
 */
const memory = 0.995;
/** How far a cost may be from its usual share: so many times it, one standard deviation. */
const doubt = 1;
/** Steps of one shape vary by so much of their time, one standard deviation. */
const noiseRatio = 0.15;
/** The machine's speed as a whole is a moving average that takes this share of each step, in logarithms. */
const scaleShare = 0.02;
/** No cost is believed to be below this part of its usual share. */
const leastPart = 0.05;
/** The error's moving average takes this share of each new error. */
const errorShare = 0.05;
/** A step so many times slower than predicted was disturbed from outside; it counts as if it were just so slow. */
const outlierRatio = 3;
/** Past this error the machine has changed: what was learnt is doubted anew, and a few steps correct it. */
const errorRatioMax = 0.5;
const errorRatioAssumed = 0.25;

/**
 * The usual costs on a CPU: milliseconds per graph, token, output, 1,024 attended and 1,024 copied cells. Their
 * proportions are believed where nothing else is known; their size follows the machine.
 */
const usualMs: readonly number[] = [8, 1, 1, 0.2, 5];

/** What a step makes libllama do. */
export interface StepWork {
  readonly microBatches: readonly MicroBatch[];
  /** Cells of streams that are copied whole before the graphs. */
  readonly copiedCells: number;
}

/**
 * Predicts how long a step takes from what libllama will do. The costs of (graphs, tokens, outputs, tokens × attended
 * cells, copied cells) add up over a step; a Kalman filter follows them. Each cost returns slowly to its usual share of
 * the machine's speed, as an Ornstein–Uhlenbeck process does: a long time of steps of one shape tells only their sum,
 * and a disturbance in it must not be laid to a cost for good.
 */
export class StepTimePredictor {
  readonly #weights = Float64Array.from(usualMs);
  readonly #covariance = new Float64Array(featureCount * featureCount);
  readonly #features = new Float64Array(featureCount);
  readonly #gain = new Float64Array(featureCount);
  /** The machine's speed: how many times the usual costs a step takes. */
  #scale = 1;
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
    return this.#weight(1) + (this.#weight(3) * width) / 1024;
  }

  /** Milliseconds that one more decoding sequence costs in a graph of this width. */
  outputMs(width: number): number {
    return this.tokenMs(width) + this.#weight(2);
  }

  /** Milliseconds that a graph costs however small it is. */
  get graphMs(): number {
    return this.#weight(0);
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
    this.#followScale(believedMs);
    this.#returnToUsual();
    this.#update(believedMs - this.#predict(), noiseRatio * Math.max(predictedMs, believedMs));
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
    return this.#priced(this.#weights);
  }

  /** What the described step takes at these costs. */
  #priced(costs: ArrayLike<number>): number {
    let sum = 0;
    for (let at = 0; at < featureCount; at++)
      sum += (costs[at] as number) * (this.#features[at] as number);
    return sum;
  }

  /** The first steps set the speed, later ones change it slowly. */
  #followScale(actualMs: number): void {
    const share = Math.max(scaleShare, 1 / (this.#stepCount + 1));
    this.#scale *= (Math.max(actualMs, 0.001) / this.#priced(usualMs) / this.#scale) ** share;
  }

  #returnToUsual(): void {
    for (let row = 0; row < featureCount; row++) {
      const usual = this.#scale * usualOf(row);
      this.#weights[row] = usual + memory * (this.#weight(row) - usual);
      for (let column = 0; column < featureCount; column++) {
        const at = row * featureCount + column;
        this.#covariance[at] = memory * memory * (this.#covariance[at] as number);
      }
      const own = row * (featureCount + 1);
      const fresh = (1 - memory * memory) * (doubt * usual) ** 2;
      this.#covariance[own] = (this.#covariance[own] as number) + fresh;
    }
  }

  /** The filter's step: gain = P x / (σ² + xᵀ P x); w += gain × error; P −= gain xᵀ P. */
  #update(errorMs: number, noiseMs: number): void {
    const covariance = this.#covariance;
    const features = this.#features;
    const gain = this.#gain;
    let spread = noiseMs * noiseMs;
    for (let row = 0; row < featureCount; row++) {
      let sum = 0;
      for (let column = 0; column < featureCount; column++) {
        sum += (covariance[row * featureCount + column] as number) * (features[column] as number);
      }
      gain[row] = sum;
      spread += sum * (features[row] as number);
    }
    for (let row = 0; row < featureCount; row++) {
      const rowGain = gain[row] as number;
      const least = leastPart * this.#scale * usualOf(row);
      this.#weights[row] = Math.max(least, this.#weight(row) + (rowGain / spread) * errorMs);
      for (let column = 0; column < featureCount; column++) {
        const at = row * featureCount + column;
        const known = (rowGain * (gain[column] as number)) / spread;
        covariance[at] = (covariance[at] as number) - known;
      }
    }
  }

  #doubtAll(): void {
    this.#covariance.fill(0);
    for (let row = 0; row < featureCount; row++)
      this.#covariance[row * (featureCount + 1)] = (doubt * this.#scale * usualOf(row)) ** 2;
    this.#errorRatio = errorRatioAssumed;
    this.#stepCount = 0;
  }

  #weight(at: number): number {
    return this.#weights[at] as number;
  }
}

function usualOf(at: number): number {
  return usualMs[at] as number;
}

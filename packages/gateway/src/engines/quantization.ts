/** How good the weights of a quantisation are beside full ones, 100. An order, not a measurement: users may say otherwise. */
const tiers: readonly (readonly [form: RegExp, tier: number])[] = [
  [/^(?:F32|FP32|BF16|F16|FP16|FLOAT16|FLOAT32)$/, 100],
  [/^(?:FP8|F8|INT8|W8A8|W8A16|Q8\w*|8BIT|BITSANDBYTES_INT8)/, 90],
  [/^(?:Q6\w*|6BIT)/, 80],
  [/^(?:I?Q5\w*|5BIT)/, 70],
  [/^(?:NVFP4|MXFP4|FP4|AWQ\w*|GPTQ\w*|INT4|W4A16|W4A8|I?Q4\w*|4BIT|NF4)/, 60],
  [/^(?:I?Q3\w*|3BIT)/, 40],
  [/^(?:I?Q2\w*|2BIT|I?Q1\w*|TQ1\w*|TQ2\w*|1BIT)/, 20],
];
const fullTier = 100;

/** Where a model's name says how it is quantised: its last parts, between dashes, dots and the like. */
const separators = /[-.:/@\s]+/;

/** The tier of a quantisation by its name; full where it is not known. */
export function qualityTierOf(quantization: string | undefined): number {
  if (quantization === undefined) return fullTier;
  return tiers.find(([form]) => form.test(quantization.toUpperCase()))?.[1] ?? fullTier;
}

/** The quantisation that a model's name tells; `undefined` where it tells none. */
export function quantizationInName(name: string): string | undefined {
  const parts = name.split(separators).toReversed();
  return parts.find((part) => {
    const tier = tiers.find(([form]) => form.test(part.toUpperCase()))?.[1];
    return tier !== undefined;
  });
}

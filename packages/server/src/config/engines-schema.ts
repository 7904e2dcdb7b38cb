import { z } from 'zod';
import { type LaunchKind, launchKinds } from '../supervise/launch-command.ts';

const positive = (most: number): z.ZodInt => z.int().min(1).max(most);

/** An engine to be started, as `millrace.yaml` names it. */
export interface EngineConfig {
  readonly launch: LaunchKind;
  readonly model: string;
  readonly name?: string | undefined;
  readonly servedName?: string | undefined;
  readonly port?: number | undefined;
  readonly context?: number | undefined;
  readonly sequences?: number | undefined;
  readonly batchTokens?: number | undefined;
  readonly kvEvents?: boolean | undefined;
  readonly command?: readonly string[] | undefined;
  readonly args?: readonly string[] | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly weight?: number | undefined;
  readonly tier?: number | undefined;
  readonly costPerMillionTokens?: number | undefined;
}

/** The form of an engine that is started here. */
export const engineSchema: z.ZodType<EngineConfig> = z
  .strictObject({
    launch: z.enum(launchKinds).describe('The program: vllm, llama-server or trtllm-serve.'),
    model: z.string().min(1).describe('A folder, a file or a name, whatever that engine takes.'),
    name: z
      .string()
      .min(1)
      .max(64)
      .optional()
      .describe('What metrics and decisions call it; by default the program and its place here.'),
    servedName: z
      .string()
      .min(1)
      .max(256)
      .optional()
      .describe('The name that clients ask for; by default the last part of "model".'),
    port: z.int().min(1).max(65_535).optional().describe('By default a free one.'),
    context: z
      .int()
      .min(16)
      .max(2 ** 24)
      .optional()
      .describe('Tokens of prompt and answer.'),
    sequences: positive(4_096).optional().describe('Requests computed at once; by default 256.'),
    batchTokens: positive(1_048_576).optional().describe('Tokens of a step; by default 8192.'),
    kvEvents: z
      .boolean()
      .optional()
      .describe('Whether it tells what its cache holds, where it can; by default true.'),
    command: z
      .array(z.string().min(1))
      .min(1)
      .max(32)
      .optional()
      .describe('Program and first arguments, where it is not found by its own name.'),
    args: z.array(z.string()).max(256).optional().describe('Put behind all others.'),
    env: z.record(z.string().min(1), z.string()).optional().describe('Added to the environment.'),
    weight: z.number().min(0.01).max(1_000).optional().describe('Share of the load.'),
    tier: z.int().min(0).max(100).optional().describe('Quality; by default by quantisation.'),
    costPerMillionTokens: z.number().min(0).optional().describe('In any one currency.'),
  })
  .describe('An engine that is started, watched and ended here.');

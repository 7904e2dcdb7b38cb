import { inRounds } from '../compare/rounds.ts';
import type { RunningSide, Side } from '../sides/side.ts';
import { asker } from './ask-server.ts';
import { chatProbes, chatRoute } from './chat-probes.ts';
import {
  completionProbes,
  completionRoute,
  embeddingProbes,
  embeddingRoute,
} from './completion-probes.ts';
import { type Fields, type Finding, type Probe, tryProbe } from './probe.ts';

/** What each side did with each parameter. */
export interface Survey {
  readonly sides: readonly string[];
  readonly rows: readonly SurveyRow[];
  readonly notes: readonly string[];
}

export interface SurveyRow {
  readonly probe: Probe;
  /** By the side's name; none where a side could not be asked. */
  readonly findings: ReadonlyMap<string, Finding>;
}

const allProbes: readonly Probe[] = [...chatProbes, ...completionProbes, ...embeddingProbes];

/** What every request of a route has, unless the probe says otherwise. */
const common: Readonly<Record<string, Fields>> = {
  [chatRoute]: {
    messages: [{ role: 'user', content: 'Tell me a short story about a river.' }],
    max_tokens: 24,
    temperature: 0,
  },
  [completionRoute]: { prompt: 'The river', max_tokens: 24, temperature: 0 },
  [embeddingRoute]: { input: 'The river' },
};

/** Tries every parameter on every side, one side at a time. */
export async function surveyParameters(
  sides: readonly Side[],
  onProgress: (text: string) => void,
): Promise<Survey> {
  const found = new Map<Probe, Map<string, Finding>>(
    allProbes.map((probe) => [probe, new Map<string, Finding>()]),
  );
  const notes: string[] = [];
  const asked = new Set<string>();
  await inRounds(sides, {
    rounds: 1,
    run: async (side, running) => {
      asked.add(side.name);
      for (const probe of allProbes) {
        found.get(probe)?.set(side.name, await tryOn(running, probe));
      }
    },
    onMissing: (side, reason) => notes.push(`${side.name} was left out: ${reason}`),
    onProgress,
  });
  const rows = [...found].map(([probe, findings]) => ({ probe, findings }));
  return { sides: [...asked], rows, notes };
}

/** A side that does not answer is a finding too. */
async function tryOn(running: RunningSide, probe: Probe): Promise<Finding> {
  const ask = asker(
    { url: running.url, route: probe.route },
    { model: running.modelId, ...common[probe.route] },
  );
  try {
    return await tryProbe(probe, ask);
  } catch (error) {
    return { verdict: 'failed', note: error instanceof Error ? error.message : String(error) };
  }
}

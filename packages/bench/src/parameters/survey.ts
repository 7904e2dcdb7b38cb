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

/** A survey with the findings of another one added; where both asked a side, the later one's stand. */
export function joinedSurveys(before: Survey, later: Survey): Survey {
  const kept = before.sides.filter((side) => !later.sides.includes(side));
  return {
    sides: [...kept, ...later.sides],
    rows: later.rows.map(({ probe, findings }) => {
      const earlier = before.rows.find((row) => isSameProbe(row.probe, probe));
      return { probe, findings: new Map([...(earlier?.findings ?? []), ...findings]) };
    }),
    notes: later.notes,
  };
}

/** A survey as plain values, and back; a parameter that is not asked about any more is left out. */
export function plainSurvey({ sides, rows }: Survey): PlainSurvey {
  return {
    sides,
    rows: rows.map(({ probe: { route, name, shown }, findings }) => ({
      probe: { route, name, shown },
      findings: [...findings],
    })),
  };
}

export function surveyFrom({ sides, rows }: PlainSurvey): Survey {
  const found = rows.flatMap(({ probe: plain, findings }) => {
    const probe = allProbes.find((candidate) => isSameProbe(candidate, plain));
    return probe === undefined ? [] : [{ probe, findings: new Map(findings) }];
  });
  return { sides, rows: found, notes: [] };
}

type ProbeName = Pick<Probe, 'route' | 'name' | 'shown'>;

/** What is written of a survey. */
export interface PlainSurvey {
  readonly sides: readonly string[];
  readonly rows: readonly {
    readonly probe: ProbeName;
    readonly findings: readonly (readonly [side: string, finding: Finding])[];
  }[];
}

function isSameProbe(one: ProbeName, other: ProbeName): boolean {
  return one.route === other.route && one.name === other.name && one.shown === other.shown;
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

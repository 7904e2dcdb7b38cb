import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { BenchContext } from '../compare/comparison.ts';
import { llamaServerOrigin, llamaServerSide } from '../sides/llama-server-side.ts';
import { millraceSide } from '../sides/millrace-side.ts';
import type { Side } from '../sides/side.ts';
import { vllmSide } from '../sides/vllm-side.ts';
import { reportPath } from '../report/report.ts';
import { ignoredByMillrace, parameterPage } from './parameter-page.ts';
import {
  joinedSurveys,
  type PlainSurvey,
  plainSurvey,
  type Survey,
  surveyFrom,
  surveyParameters,
} from './survey.ts';

/** Names of the sides that can be asked. */
export const parameterSides: readonly string[] = ['millrace', 'llama-server', 'vllm'];

const reportName = 'parameters';

/** Asks each side about every parameter, and writes the page. A parameter that Millrace ignores is a failure. */
export async function benchParameters(
  context: BenchContext,
  step: {
    readonly only: readonly string[];
    readonly command: string;
    readonly out: (text: string) => void;
  },
): Promise<number> {
  const sides = chosenSides(context, step.only);
  const found = await surveyParameters(sides, context.onProgress);
  const before = context.goesOn ? earlierSurvey() : undefined;
  const survey = before === undefined ? found : joinedSurveys(before, found);
  const page = parameterPage(survey, step.command);
  mkdirSync('results', { recursive: true });
  writeFileSync(reportPath(reportName, 'md'), page);
  writeFileSync(reportPath(reportName, 'json'), JSON.stringify(plainSurvey(survey), null, 2));
  step.out(page);
  const ignored = ignoredByMillrace(survey);
  if (ignored.length === 0) return 0;
  step.out(`\nMillrace ignores without a word:\n  ${ignored.join('\n  ')}\n`);
  return 1;
}

function earlierSurvey(): Survey | undefined {
  const path = reportPath(reportName, 'json');
  if (!existsSync(path)) return undefined;
  return surveyFrom(JSON.parse(readFileSync(path, 'utf8')) as PlainSurvey);
}

function chosenSides(context: BenchContext, only: readonly string[]): readonly Side[] {
  const { model, threads, onProgress } = context;
  const shape = { slots: 4, cellsPerSlot: 2048, isUnified: false, threads };
  const all: Readonly<Record<string, () => Side>> = {
    millrace: () => millraceSide('millrace', model, [`--threads=${threads}`]),
    'llama-server': () =>
      llamaServerSide('llama-server', { model, shape, origin: llamaServerOrigin(onProgress) }),
    vllm: () =>
      vllmSide(model, {
        threads,
        sequencesMax: 4,
        contextTokensMax: 2048,
        mayInstall: context.mayInstall,
        onProgress,
      }),
  };
  return parameterSides.flatMap((name) => {
    const make = all[name];
    return make !== undefined && (only.length === 0 || only.includes(name)) ? [make()] : [];
  });
}

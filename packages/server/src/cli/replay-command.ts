import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { type DecisionRecord, policyOf, replayDecision } from '@millrace/routing';
import { messageOf } from '@millrace/stdx';
import { describeSettings, readSettings, type SettingTable } from '../config/settings.ts';
import { ServerError } from '../errors.ts';
import type { Terminal } from './terminal.ts';

/** Flags of the command. */
export const replaySettings: SettingTable = {
  help: { kind: 'switch', help: 'say this' },
};
/** Differences that are told one by one. */
const shownMax = 20;

/** `millrace replay FILE`: makes recorded decisions again, offline, and tells those that come out otherwise. */
export async function runReplayCommand(
  args: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const { values, rest } = readSettings(replaySettings, { args, env: terminal.env });
  const usage = `Usage: millrace replay FILE\n\nFILE holds what "routing: { record: { file: FILE } }" in a millrace.yaml wrote.\n\n${describeSettings(replaySettings)}\n`;
  if (values.get('help') === true) {
    terminal.out(usage);
    return 0;
  }
  const [file, surplus] = rest;
  if (file === undefined || surplus !== undefined)
    throw new ServerError(usage, { code: 'SERVER_SETTING_INVALID' });
  let [lineNumber, different] = [0, 0];
  try {
    for await (const line of createInterface({ input: createReadStream(file) })) {
      lineNumber++;
      const told = differenceOf(line);
      if (told === undefined) continue;
      if (different++ < shownMax) terminal.out(`${file}:${lineNumber}: ${told}\n`);
    }
  } catch (error) {
    throw new ServerError(`replay ${file}, line ${lineNumber}: ${messageOf(error)}`, {
      code: 'SERVER_SETTING_INVALID',
      cause: error,
    });
  }
  terminal.out(`${lineNumber} decisions, ${lineNumber - different} the same, ${different} not\n`);
  return different === 0 ? 0 : 1;
}

function differenceOf(line: string): string | undefined {
  const record = JSON.parse(line) as DecisionRecord;
  const picked = replayDecision(record, policyOf(record));
  if (picked === record.picked) return undefined;
  return `${record.picked ?? 'nobody'} was picked, now it is ${picked ?? 'nobody'}`;
}

import { describeSettings, readSettings, type SettingTable } from '../config/settings.ts';
import { ServerError } from '../errors.ts';
import type { Terminal } from './terminal.ts';

/** Flags of the command. */
export const doctorSettings: SettingTable = {
  json: { kind: 'switch', help: 'as JSON' },
  help: { kind: 'switch', help: 'say this' },
};

/** `millrace doctor`: what this machine has and lacks, each with its mend. Status 1 when something needed is missing. */
export async function runDoctorCommand(
  args: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const { values, rest } = readSettings(doctorSettings, { args, env: terminal.env });
  if (values.get('help') === true) {
    terminal.out(`Usage: millrace doctor [flags]\n\n${describeSettings(doctorSettings)}\n`);
    return 0;
  }
  if (rest.length > 0) {
    throw new ServerError(`doctor takes flags only; "${rest[0]}" is none`, {
      code: 'SERVER_SETTING_INVALID',
    });
  }
  const { examine } = await import('../doctor/examine.ts');
  const findings = await examine(terminal.env);
  if (values.get('json') === true) terminal.out(`${JSON.stringify(findings, null, 2)}\n`);
  else {
    for (const { state, subject, detail, mend } of findings) {
      const mark = state === 'good' ? '✔' : state === 'lacking' ? '–' : '✖';
      terminal.out(
        `${mark} ${subject}: ${detail}\n${mend === undefined ? '' : `    mend: ${mend}\n`}`,
      );
    }
  }
  return findings.some((finding) => finding.state === 'bad') ? 1 : 0;
}

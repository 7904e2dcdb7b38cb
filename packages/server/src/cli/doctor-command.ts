import type { Terminal } from './terminal.ts';

/** `millrace doctor`: what this machine has and lacks, each with its mend. Status 1 when something needed is missing. */
export async function runDoctorCommand(
  args: readonly string[],
  terminal: Terminal,
): Promise<number> {
  const { examine } = await import('../doctor/examine.ts');
  const findings = await examine(terminal.env);
  if (args.includes('--json')) terminal.out(`${JSON.stringify(findings, null, 2)}\n`);
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

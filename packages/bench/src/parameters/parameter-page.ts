import { machineLine } from '../report/report.ts';
import type { Finding } from './probe.ts';
import type { Survey, SurveyRow } from './survey.ts';

const legend = `Each was sent to a server of its own, alone, on the same small model, and the answer was looked at. \`honoured\`: its effect was
seen. \`refused\`: an error, whose status stands beside it. \`ignored\`: an answer as if it had not been sent, without a word.
\`taken\`: it has by its definition no effect that a client sees. \`failed\`: the server broke off.`;

/** The survey as a page in Markdown: a table for each route, and Millrace's own words for what it refuses. */
export function parameterPage(survey: Survey, command: string): string {
  const routes = [...new Set(survey.rows.map(({ probe }) => probe.route))];
  const refusals = survey.rows.flatMap((row) => refusalLine(row) ?? []);
  return [
    '# Who answers what',
    '',
    `\`${command}\`, ${machineLine()}.`,
    '',
    legend,
    ...routes.flatMap((route) => ['', `## \`${route}\``, '', ...table(survey, route)]),
    '',
    '## What Millrace says when it refuses',
    '',
    ...new Set(refusals),
    ...(survey.notes.length === 0 ? [] : ['', '## Notes', '']),
    ...survey.notes.map((note) => `- ${note}`),
    '',
  ].join('\n');
}

/** Parameters that Millrace itself took without any effect: none is allowed. */
export function ignoredByMillrace(survey: Survey): readonly string[] {
  return survey.rows.flatMap(({ probe, findings }) =>
    findings.get('millrace')?.verdict === 'ignored'
      ? [`${probe.route} ${probe.name} ${probe.shown}`]
      : [],
  );
}

function table(survey: Survey, route: string): readonly string[] {
  const rows = survey.rows.filter(({ probe }) => probe.route === route);
  const shown = rows.map(({ probe, findings }) => {
    const cells = survey.sides.map((side) => cell(findings.get(side)));
    return `| \`${probe.name}\` | ${escaped(probe.shown)} | ${cells.join(' | ')} |`;
  });
  return [
    `| parameter | sent | ${survey.sides.join(' | ')} |`,
    `| --- | --- | ${survey.sides.map(() => '---').join(' | ')} |`,
    ...shown,
  ];
}

function cell(finding: Finding | undefined): string {
  if (finding === undefined) return '–';
  const status = finding.verdict === 'refused' ? ` (${finding.note.split(':')[0]})` : '';
  return `${finding.verdict}${status}`;
}

function refusalLine({ probe, findings }: SurveyRow): string | undefined {
  const finding = findings.get('millrace');
  if (finding?.verdict !== 'refused') return undefined;
  const words = finding.note.slice(finding.note.indexOf(':') + 2);
  return `- \`${probe.name}\`: ${escaped(words)}`;
}

function escaped(text: string): string {
  return text.replaceAll('|', '\\|');
}

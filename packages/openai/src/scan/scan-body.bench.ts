// Times a scan of chat bodies of several sizes against JSON.parse: node --conditions=@millrace/source FILE
/* oxlint-disable no-console, no-restricted-globals */
import { RoutingFields } from './routing-fields.ts';
import { scanBody } from './scan-body.ts';

const sizesBytes = [1_000, 4_000, 32_000, 256_000];
const rounds = 15;
const roundBytes = 8_000_000;

const texts = {
  prose: 'What the river brings the mill will grind, and what the hill has shed the river brings. ',
  code: '\tif (mill.isTurning) {\n\t\tlog.write("grinds", river.level);\n\t}\n',
};

/** A conversation of messages of 4 KB at most. */
function chatBody(sizeBytes: number, text: string): Buffer {
  const content = text.repeat(Math.ceil(Math.min(sizeBytes, 4_000) / text.length));
  const messages: object[] = [];
  for (let length = 0; length < sizeBytes; length += content.length)
    messages.push({ role: messages.length % 2 === 0 ? 'user' : 'assistant', content });
  return Buffer.from(JSON.stringify({ model: 'smol', messages, stream: true, max_tokens: 64 }));
}

/** Median and spread, in µs a call, over rounds of about the same number of bytes. */
function timed(body: Buffer, call: (body: Buffer) => unknown): string {
  const calls = Math.ceil(roundBytes / body.length);
  const tookUs = Array.from({ length: rounds + 3 }, () => {
    const start = performance.now();
    for (let count = 0; count < calls; count++) call(body);
    return ((performance.now() - start) * 1_000) / calls;
  })
    .slice(3)
    .toSorted((one, other) => one - other);
  const at = (part: number): string => (tookUs[Math.floor(part * (rounds - 1))] ?? 0).toFixed(1);
  return `${at(0.5)} µs (${at(0)} to ${at(1)})`;
}

console.log(`node ${process.version}, ${rounds} rounds: median (least to most)`);
for (const [kind, text] of Object.entries(texts)) {
  for (const sizeBytes of sizesBytes) {
    const body = chatBody(sizeBytes, text);
    console.log(`${kind}, ${body.length} bytes`);
    console.log(`  scan              ${timed(body, scanBody)}`);
    console.log(`  scan and fields   ${timed(body, scanAndRead)}`);
    console.log(
      `  JSON.parse        ${timed(body, (bytes) => JSON.parse(bytes.toString('utf8')))}`,
    );
  }
}

function scanAndRead(body: Buffer): unknown {
  const scan = scanBody(body);
  if (scan.kind !== 'scanned') return scan;
  const { model, isStream, outputTokensMax } = new RoutingFields(scan.body);
  return [model, isStream, outputTokensMax];
}

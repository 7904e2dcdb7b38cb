// The status page: reads /admin/status once a second, and streams answers from the API that everybody uses.
const refreshMs = 1000;
const element = (id) => document.getElementById(id);
const messages = [];
let previous;
let running;

function show(value, digits = 0) {
  return value === null || value === undefined
    ? '–'
    : value.toLocaleString('en', { maximumFractionDigits: digits });
}

function share(value) {
  return value === null ? '–' : `${show(value * 100, 1)} %`;
}

function seconds(value) {
  if (value === null) return '–';
  return value < 1 ? `${show(value * 1000)} ms` : `${show(value, 2)} s`;
}

function tile(name, text) {
  const list = document.createElement('dl');
  list.className = 'tile';
  const term = document.createElement('dt');
  const detail = document.createElement('dd');
  term.textContent = name;
  detail.textContent = text;
  list.append(term, detail);
  return list;
}

function latencyRow(name, quantiles) {
  const row = document.createElement('tr');
  const head = document.createElement('th');
  head.scope = 'row';
  head.textContent = name;
  row.append(head);
  for (const text of [
    seconds(quantiles.p50),
    seconds(quantiles.p95),
    seconds(quantiles.p99),
    show(quantiles.count),
  ]) {
    const cell = document.createElement('td');
    cell.textContent = text;
    row.append(cell);
  }
  return row;
}

function tokensPerSecond(status, atMs) {
  const now = { tokens: status.generatedTokens, atMs };
  const before = previous;
  previous = now;
  if (
    before === undefined ||
    before.tokens === null ||
    now.tokens === null ||
    now.tokens < before.tokens
  )
    return null;
  return ((now.tokens - before.tokens) * 1000) / (atMs - before.atMs);
}

function draw(status) {
  const served = element('served');
  served.textContent =
    status.state === 'serving' ? `serves ${status.model}` : (status.reason ?? 'unavailable');
  served.className = status.state;
  element('tiles').replaceChildren(
    tile('running', show(status.running)),
    tile('waiting', show(status.waiting)),
    tile('tokens/s of finished answers', show(tokensPerSecond(status, performance.now()), 1)),
    tile('tokens generated', show(status.generatedTokens)),
    tile('prompt tokens reused', share(status.reuseRatio)),
    tile('KV cells in use', status.kvCells ? share(status.kvCellsUsed / status.kvCells) : '–'),
    tile('predictor error', share(status.predictorErrorRatio)),
    tile('requests', show(status.gatewayRequests)),
  );
  element('latency').replaceChildren(
    latencyRow('time to first token', status.ttft),
    latencyRow('between tokens', status.tokenGap),
    latencyRow('whole request', status.request),
  );
}

async function refresh() {
  try {
    const response = await fetch('/admin/status');
    if (!response.ok) throw new Error(`status ${response.status}`);
    draw(await response.json());
  } catch (error) {
    element('served').textContent = `The gateway does not answer: ${error.message}`;
    element('served').className = 'unavailable';
  } finally {
    setTimeout(refresh, refreshMs);
  }
}

function line(kind, text) {
  const paragraph = document.createElement('p');
  paragraph.className = kind;
  paragraph.textContent = text;
  element('conversation').append(paragraph);
  return paragraph;
}

async function* answerTo(signal) {
  const response = await fetch('/v1/chat/completions', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: element('served').textContent.replace(/^serves /, ''),
      messages,
      stream: true,
      max_tokens: 512,
    }),
    signal,
  });
  if (!response.ok) throw new Error((await response.json()).error.message);
  let text = '';
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    const events = (text + piece).split('\n\n');
    text = events.pop();
    for (const event of events) {
      const data = event.replace(/^data: /, '');
      if (data === '[DONE]') return;
      const chunk = JSON.parse(data);
      if (chunk.error) throw new Error(chunk.error.message);
      yield chunk.choices[0]?.delta.content ?? '';
    }
  }
}

async function ask(question) {
  messages.push({ role: 'user', content: question });
  line('user', question);
  const target = line('assistant', '');
  running = new AbortController();
  element('stop').hidden = false;
  try {
    for await (const part of answerTo(running.signal)) target.textContent += part;
    messages.push({ role: 'assistant', content: target.textContent });
  } catch (error) {
    if (error.name === 'AbortError')
      messages.push({ role: 'assistant', content: target.textContent || '…' });
    else {
      messages.pop();
      line('error', error.message);
    }
  } finally {
    element('stop').hidden = true;
  }
}

element('ask').addEventListener('submit', (event) => {
  event.preventDefault();
  const question = element('question').value.trim();
  if (question === '' || !element('stop').hidden) return;
  element('question').value = '';
  void ask(question);
});
element('stop').addEventListener('click', () => running?.abort());
void refresh();

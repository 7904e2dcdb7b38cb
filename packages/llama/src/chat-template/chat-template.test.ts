import assert from 'node:assert/strict';
import test from 'node:test';
import { ChatTemplate } from './chat-template.ts';

const common = { addGenerationPrompt: true, bosText: '<s>', eosText: '</s>' };

test('renders messages, tools and special tokens', () => {
  const template = new ChatTemplate(
    '{{ bos_token }}{% if tools %}{{ tools | tojson }}{% endif %}{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}',
  );
  const messages = [{ role: 'user', content: 'hello' }];
  assert.equal(template.render({ ...common, messages }), '<s>[user]hello[assistant]');
  assert.equal(
    template.render({ ...common, messages, tools: [{ name: 'f' }], addGenerationPrompt: false }),
    '<s>[{"name": "f"}][user]hello',
  );
});

test('passes on the words with which a template refuses a conversation', () => {
  const template = new ChatTemplate("{{ raise_exception('roles must alternate') }}");
  assert.throws(() => template.render({ ...common, messages: [] }), {
    code: 'LLAMA_TEMPLATE_FAILED',
    message: /roles must alternate/,
  });
});

test('names a template that does not compile', () => {
  assert.throws(() => new ChatTemplate('{% for %}'), { code: 'LLAMA_TEMPLATE_FAILED' });
});

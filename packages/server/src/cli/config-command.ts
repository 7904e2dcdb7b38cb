import { randomBytes } from 'node:crypto';
import { keyHashOf } from '@millrace/gateway';
import { stringify } from 'yaml';
import { fileJsonSchema } from '../config/file-schema.ts';
import {
  describeSettings,
  readSettings,
  type SettingTable,
  suggestion,
} from '../config/settings.ts';
import { ServerError } from '../errors.ts';
import type { Terminal } from './terminal.ts';
import { readConfig } from './up-endpoints.ts';

/** Flags of the command. */
export const configSettings: SettingTable = {
  config: { kind: 'text', value: 'FILE', help: 'the file; by default millrace.yaml' },
  help: { kind: 'switch', help: 'say this' },
};
const actions = ['check', 'print', 'schema', 'key'];
const keyBytes = 24;

/** `millrace config check|print|schema|key`: looks at a configuration without serving it; makes keys. */
export function runConfigCommand(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values, rest } = readSettings(configSettings, { args, env: terminal.env });
  const [action, file = String(values.get('config') ?? 'millrace.yaml'), surplus] = rest;
  if (values.get('help') === true) {
    terminal.out(
      `Usage: millrace config check|print [FILE]\n       millrace config schema\n       millrace config key\n\n${describeSettings(configSettings)}\n`,
    );
    return Promise.resolve(0);
  }
  if (action === undefined || !actions.includes(action) || surplus !== undefined) {
    const told =
      surplus === undefined
        ? `config does one of ${actions.join(', ')}, not "${action ?? ''}"${suggestion(action ?? '', actions)}`
        : `config takes one file; "${surplus}" is one too many`;
    return Promise.reject(new ServerError(told, { code: 'SERVER_SETTING_INVALID' }));
  }
  if (action === 'schema') {
    terminal.out(`${JSON.stringify(fileJsonSchema(), undefined, 2)}\n`);
    return Promise.resolve(0);
  }
  if (action === 'key') {
    const key = `mr-${randomBytes(keyBytes).toString('base64url')}`;
    terminal.out(
      `key for the client:     ${key}\nline for millrace.yaml:  sha256:${keyHashOf(key)}\n`,
    );
    return Promise.resolve(0);
  }
  return Promise.resolve().then(() => {
    const config = readConfig(file);
    const count = (config.endpoints ?? []).length + (config.engines ?? []).length;
    terminal.out(
      action === 'print'
        ? stringify(config)
        : `${file} is right: ${count} ${count === 1 ? 'endpoint' : 'endpoints'}\n`,
    );
    return 0;
  });
}

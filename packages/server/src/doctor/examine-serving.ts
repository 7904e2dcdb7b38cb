import { once } from 'node:events';
import { connect, createServer } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { whyPortNotShared } from '@millrace/gateway';
import { messageOf } from '@millrace/stdx';
import type { Finding } from './finding.ts';

const hybridGroup = 'X25519MLKEM768';
/** A handshake by a key that both sides know needs no certificate. */
const sharedKey = Buffer.alloc(32, 7);
const ciphers = 'PSK:TLS_AES_128_GCM_SHA256';

/** What lanes and their clients need of this machine: a shared port, and keys agreed on as quantum computers cannot. */
export async function examineServing(): Promise<readonly Finding[]> {
  return [await examineSharedPort(), await examineKeyExchange()];
}

async function examineSharedPort(): Promise<Finding> {
  const subject = 'lanes';
  const reason = await whyPortNotShared('127.0.0.1');
  if (reason === undefined)
    return { subject, state: 'good', detail: 'threads can share a port (SO_REUSEPORT)' };
  return { subject, state: 'lacking', detail: `one lane serves: ${reason}` };
}

async function examineKeyExchange(): Promise<Finding> {
  const subject = 'TLS';
  const version = `OpenSSL ${process.versions.openssl}`;
  try {
    const group = await agreedGroup();
    return group === hybridGroup
      ? { subject, state: 'good', detail: `${version}; keys are agreed on by ${group}` }
      : {
          subject,
          state: 'lacking',
          detail: `${version} agrees on keys by ${group}, not by ${hybridGroup}`,
          mend: 'run the Node that package-lock.json pins',
        };
  } catch (error) {
    return { subject, state: 'bad', detail: `${version}: ${messageOf(error)}` };
  }
}

/** The group by which both sides of this Node agree on keys, in a handshake on loopback. */
async function agreedGroup(): Promise<string> {
  const server = createServer({ ciphers, pskCallback: () => sharedKey }, (socket) => socket.end());
  server.listen(0, '127.0.0.1');
  try {
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const socket = connect({
      host: '127.0.0.1',
      port,
      ciphers,
      pskCallback: () => ({ identity: 'doctor', psk: sharedKey }),
      checkServerIdentity: () => undefined,
    });
    await once(socket, 'secureConnect');
    const { name = 'a group without a name' } = socket.getEphemeralKeyInfo() as { name?: string };
    socket.destroy();
    return name;
  } finally {
    server.close();
  }
}

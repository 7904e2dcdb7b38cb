import { gatewayDefaults } from '@millrace/gateway';
import { z } from 'zod';

const connectionsMax = 1_000_000;
const bytesMax = 2 ** 40;

const limits = z
  .strictObject({
    connections: z
      .int()
      .min(1)
      .max(connectionsMax)
      .optional()
      .describe(`Connections from clients; by default ${gatewayDefaults.connectionsMax}.`),
    engineConnections: z
      .int()
      .min(1)
      .max(connectionsMax)
      .optional()
      .describe(
        `Connections to each endpoint; by default ${gatewayDefaults.backendConnectionsMax}.`,
      ),
    bodyBytes: z
      .int()
      .min(1024)
      .max(2 ** 30)
      .optional()
      .describe('Largest body of a request; by default 16 MiB.'),
    bodiesBytes: z
      .int()
      .min(1024)
      .max(bytesMax)
      .optional()
      .describe('Memory of the bodies of all requests that are being answered; 256 MiB.'),
  })
  .superRefine(({ bodyBytes, bodiesBytes }, context) => {
    const [one, all] = [
      bodyBytes ?? gatewayDefaults.bodyBytesMax,
      bodiesBytes ?? gatewayDefaults.bodiesBytesMax,
    ];
    if (one <= all) return;
    context.addIssue({
      code: 'custom',
      path: ['bodiesBytes'],
      message: `is ${all}, less than the ${one} bytes that one body may have`,
    });
  })
  .describe('Bounds of each lane.');

/** Bounds of each lane, as `millrace.yaml` names them. */
export interface LimitsConfig {
  readonly connections?: number | undefined;
  readonly engineConnections?: number | undefined;
  readonly bodyBytes?: number | undefined;
  readonly bodiesBytes?: number | undefined;
}

/** The form of `limits`. */
export const limitsSchema: z.ZodType<LimitsConfig> = limits;

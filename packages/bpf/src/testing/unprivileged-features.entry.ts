import { probeFeatures } from '../features/probe-features.ts';
import { dropPrivileges } from '../sys/credentials.ts';

/** A program for tests: what the features are to a thread without capabilities. */
dropPrivileges(undefined);
process.stdout.write(JSON.stringify(probeFeatures()));

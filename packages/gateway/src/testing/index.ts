export { makeIdentity } from './certificate.ts';

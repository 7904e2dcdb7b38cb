export { askSecretly } from './ask-secretly.ts';
export { calmTcp } from './calm-tcp.ts';

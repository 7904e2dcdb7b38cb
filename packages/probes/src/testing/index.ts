export { calmTcp } from './calm-tcp.ts';

export { failingPiece, FakeEngine, type FakeEngineOptions, pausingPiece } from './fake-engine.ts';

import { createServer, type ServerResponse } from 'node:http';

/**
 * Serves streams of events on the port that this process was given as its argument: `stream` writes those of a request,
 * behind the head and before the end, which are written here. `/health` says that it serves.
 */
export function serveStreams(stream: (response: ServerResponse) => Promise<void>): void {
  const answer = async (response: ServerResponse): Promise<void> => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    await stream(response);
    response.end('data: [DONE]\n\n');
  };
  const server = createServer((request, response) => {
    request.resume();
    if (request.url === '/health') response.end('ok');
    else void answer(response);
  });
  server.keepAliveTimeout = 60_000;
  // As many as come at once from a thousand clients.
  server.listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 2048 });
}

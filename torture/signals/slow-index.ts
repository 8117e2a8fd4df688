/** A package index on this machine that has what the runtime fetches, and never comes to its end. */

import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tensorflowPins } from '../../src/runtime/pins.ts';

const DRIP_MS = 20;

export interface SlowIndex {
  /** Settings by which pip fetches from here. */
  readonly env: NodeJS.ProcessEnv;
  /** Downloads that have begun and were not given up. */
  downloads(): number;
  close(): void;
}

export async function startSlowIndex(): Promise<SlowIndex> {
  const open = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    const pin = tensorflowPins.find(({ file }) => request.url?.endsWith(file));
    if (pin === undefined) {
      const links = tensorflowPins
        .filter(({ project }) => request.url?.includes(`/${project}/`))
        .map(({ file, sha256 }) => `<a href="/files/${file}#sha256=${sha256}">${file}</a>`);
      response.setHeader('content-type', 'text/html').end(links.join('\n'));
      return;
    }
    response.setHeader('content-length', pin.bytes);
    open.add(response);
    const timer = setInterval(() => response.write(Buffer.alloc(1 << 14)), DRIP_MS);
    response.on('close', () => {
      clearInterval(timer);
      open.delete(response);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    env: {
      PIP_CONFIG_FILE: '/dev/null',
      PIP_INDEX_URL: `http://127.0.0.1:${port}/simple/`,
      PIP_EXTRA_INDEX_URL: '',
      NO_PROXY: '127.0.0.1',
      no_proxy: '127.0.0.1',
    },
    downloads: () => open.size,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import { type Clock, systemClock } from '../clock.ts'
import { Transport, TransportError, type TransportRequest, type TransportResponse } from './transport.ts'

export interface Listening {
  readonly url: string
  readonly sockets: ReadonlySet<Socket>
}

export async function listen(handler: RequestListener): Promise<Listening> {
  const server = createServer(handler)
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, sockets }
}

export function send(
  url: string,
  overrides: Partial<TransportRequest> = {},
  clock: Clock = systemClock,
): Promise<TransportResponse> {
  const transport = new Transport({ clock })
  onTestFinished(() => transport.close())
  return transport.send({
    method: 'GET',
    url,
    headers: {},
    deadlineMs: 5_000,
    maxBytes: 65_536,
    ...overrides,
  })
}

export async function fault(promise: Promise<unknown>): Promise<TransportError> {
  try {
    await promise
  } catch (error) {
    if (error instanceof TransportError) return error
    throw error
  }
  throw new Error('expected a fault')
}

export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2))
}

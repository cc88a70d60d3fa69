import { BlockList, isIP } from 'node:net'
import type { Dispatcher, Pool as UndiciPool } from 'undici'
import { Agent, connect, Pool } from './undici.ts'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8)
loopback.addAddress('::1', 'ipv6')

/**
 * A dispatcher for Node's `fetch`, undici and Latchkey: the requests to the origins in `origins` reach the server that
 * stands behind each, unchanged and with the real host in `Host`. Loopback addresses are reached as ever. Every other
 * origin is refused, before a name is looked up or a socket opened, with an error of the code `NO_EMULATOR`.
 */
export function emulatorDispatcher(origins: Readonly<Record<string, string>>): Dispatcher {
  const servers = new Map(Object.entries(origins))
  return new Agent({
    factory: (origin, options: UndiciPool.Options) => {
      const url = new URL(origin)
      const server = servers.get(url.origin)
      if (server !== undefined) return connectedTo(new URL(server), url, options)
      if (isLoopback(url.hostname)) return new Pool(url, options)
      throw new NoEmulatorError(url.origin, [...servers.keys()])
    },
  })
}

/** Only the connection leads elsewhere, so that everything in the request is as the real host would get it. */
function connectedTo(server: URL, origin: URL, options: UndiciPool.Options): Dispatcher {
  const { protocol, host, hostname, port } = server
  return new Pool(origin, {
    ...options,
    connect: (wanted, done) => connect({ ...wanted, protocol, host, hostname, port }, done),
  })
}

function isLoopback(hostname: string): boolean {
  const address = hostname.replace(/^\[|\]$/g, '')
  const version = isIP(address)
  if (version === 0) return hostname === 'localhost'
  return loopback.check(address, version === 6 ? 'ipv6' : 'ipv4')
}

class NoEmulatorError extends Error {
  override readonly name: string = 'NoEmulatorError'
  readonly code: string = 'NO_EMULATOR'

  constructor(origin: string, emulated: readonly string[]) {
    super(
      `No emulator answers for ${origin}, and a test does not reach the network. Start its emulator, or lead the ` +
        `application to a server on 127.0.0.1, such as startAuthorizationServer(). Emulated: ${emulated.join(', ')}`,
    )
  }
}

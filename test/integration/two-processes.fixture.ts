import { randomBytes } from 'node:crypto'
import { memoryStore, type Store } from '@latchkey/express'
import { CookieJar, UserAgent } from '@latchkey/testing'
import {
  type Harness,
  type HarnessServers,
  type HarnessSetup,
  startHarness,
  startServers,
} from './harness.fixture.ts'

/** Where browsers find the app, whichever process answers. */
export const publicOrigin = 'https://app.example'

/** Two processes of one app behind one public origin: the same secret, store and servers. */
export interface TwoProcesses extends HarnessServers {
  readonly p1: Harness
  readonly p2: Harness
  /** Both of them. */
  readonly processes: readonly [Harness, Harness]
  /** Names of the commands that the store was asked, as `usedMarkers.take`, in order. */
  readonly commands: string[]
  /** One browser; `p1` and `p2` lead its requests to that process. */
  newBrowser(cookies?: CookieJar): {
    readonly p1: UserAgent
    readonly p2: UserAgent
    readonly cookies: CookieJar
  }
}

/** Starts both. The authorization server approves everything, as Ada. */
export async function startTwoProcesses(setup: HarnessSetup = {}): Promise<TwoProcesses> {
  const servers = await startServers({
    ...setup,
    server: { autoApprove: 'user-ada', ...setup.server },
  })
  const commands: string[] = []
  const options = {
    baseUrl: publicOrigin,
    secret: randomBytes(32).toString('base64url'),
    store: watched(memoryStore({ clock: servers.clock }), commands),
    ...setup.options,
  }
  const p1 = await startHarness({ ...setup, servers, options })
  const p2 = await startHarness({ ...setup, servers, options })
  servers.as.registerRedirectUri(`${publicOrigin}/callback/example`)
  const { clock } = servers
  const via = (origin: string, cookies: CookieJar): UserAgent =>
    new UserAgent({ clock, origins: { [publicOrigin]: origin } }, cookies)
  return {
    ...servers,
    p1,
    p2,
    processes: [p1, p2],
    commands,
    newBrowser: (cookies = new CookieJar(() => clock.now())) => ({
      p1: via(p1.origin, cookies),
      p2: via(p2.origin, cookies),
      cookies,
    }),
  }
}

/** Notes the name of each command before the store gets it. */
function watched(store: Store, commands: string[]): Store {
  const watch = <Port extends object>(port: string, target: Port): Port =>
    new Proxy(target, {
      get(inner, property) {
        const method: unknown = Reflect.get(inner, property)
        if (typeof method !== 'function') return method
        return (...args: readonly unknown[]): unknown => {
          commands.push(`${port}.${String(property)}`)
          return Reflect.apply(method, inner, args)
        }
      },
    })
  const ports = ['sessions', 'grants', 'leases', 'usedMarkers', 'subjects', 'users', 'appSessions'] as const
  return { ...store, ...Object.fromEntries(ports.map((port) => [port, watch(port, store[port])])) }
}

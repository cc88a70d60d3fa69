import { randomBytes } from 'node:crypto'
import type { VersionedRecord } from '@latchkey/core'
import type { LatchkeyOptions } from '@latchkey/express'
import {
  CookieJar,
  type EmulatedUser,
  type NavigationOptions,
  type PageResponse,
  UserAgent,
} from '@latchkey/testing'
import { expect } from 'vitest'
import {
  type Harness,
  type HarnessServers,
  type HarnessSetup,
  startHarness,
  startServers,
} from './harness.fixture.ts'
import { probedStore, type StoreProbe } from './store-probe.fixture.ts'
import { publicOrigin } from './two-processes.fixture.ts'

/** Options of the processes, by place. */
export type FleetOptions = (place: number, fleet: Fleet) => Partial<LatchkeyOptions<'example'>>

/** Reading a session renews its time to live, so a look must not shorten it. */
const idleSeconds = 7 * 86_400

interface Member {
  readonly harness: Harness
  readonly underWay: Set<Promise<unknown>>
}

/** People of this fleet's authorization server: `user-1` to `user-<count>`. */
export function people(count: number): readonly EmulatedUser[] {
  return Array.from({ length: count }, (_, index) => ({ id: `user-${index + 1}`, name: `User ${index + 1}` }))
}

/** Starts `size` processes of one app. Without a secret among the options they share a random one. */
export async function startFleet(
  size: number,
  setup: Omit<HarnessSetup, 'servers' | 'options'> = {},
  options: FleetOptions = () => ({}),
): Promise<Fleet> {
  const servers = await startServers(setup)
  servers.as.registerRedirectUri(`${publicOrigin}/callback/example`)
  const fleet = new Fleet(servers, setup)
  for (let place = 0; place < size; place += 1) await fleet.replace(place, options(place, fleet))
  return fleet
}

/**
 * Processes of one app behind one public origin, over one store. Requests go round; each process can be replaced
 * while the others serve, as a rolling deploy does: it takes no new requests, ends those under way, then stops.
 */
export class Fleet {
  readonly servers: HarnessServers
  readonly probe: StoreProbe
  /** Of processes whose options name none. */
  readonly secret: string = randomBytes(32).toString('base64url')
  /** Every process that ever ran. */
  readonly all: Harness[] = []
  readonly #setup: Omit<HarnessSetup, 'servers' | 'options'>
  readonly #members: Member[] = []
  #turn = 0

  /** Use {@link startFleet}. */
  constructor(servers: HarnessServers, setup: Omit<HarnessSetup, 'servers' | 'options'>) {
    this.servers = servers
    this.probe = probedStore(servers.clock)
    this.#setup = setup
  }

  /** The processes that serve now. */
  get serving(): readonly Harness[] {
    return this.#members.map(({ harness }) => harness)
  }

  /** Puts a new process in this place. Resolves when the old one, if there was one, has ended. */
  async replace(place: number, options: Partial<LatchkeyOptions<'example'>> = {}): Promise<void> {
    const base = { baseUrl: publicOrigin, secret: this.secret, store: this.probe.store }
    const harness = await startHarness({
      ...this.#setup,
      servers: this.servers,
      options: { ...base, ...options },
    })
    this.all.push(harness)
    const old = this.#members[place]
    this.#members[place] = { harness, underWay: new Set() }
    if (old === undefined) return
    await Promise.allSettled(old.underWay)
    await old.harness.close()
  }

  /** A browser without cookies. */
  newVisitor(): FleetVisitor {
    return new FleetVisitor(this, new CookieJar(() => this.servers.clock.now()))
  }

  /** A browser that has signed in as this user, through any of the processes. */
  async signedIn(userId: string): Promise<FleetVisitor> {
    const visitor = this.newVisitor()
    await visitor.signIn(userId)
    return visitor
  }

  /** The browser as it is now, whatever becomes of its cookies. */
  copyOf({ cookies }: FleetVisitor): FleetVisitor {
    const copy = this.newVisitor()
    for (const cookie of cookies.all) copy.cookies.plant(cookie)
    return copy
  }

  /** What the store has in the slot of a session: its record, and every grant that was ever put there. */
  async recordsOf(locator: string): Promise<SlotRecords> {
    const { sessions, grants } = this.probe.store
    const names = this.probe.grants().map(({ name }) => name.split('/'))
    const ids = names.flatMap(([slot, id = '']) => (slot === locator ? [id] : []))
    const found = ids.map(async (id) => ({ id, record: await grants.read({ slot: locator, id }) }))
    return { session: await sessions.read(locator, idleSeconds), grants: await Promise.all(found) }
  }

  /** Runs `use` with a browser that only reaches the process in this place; absent: the one whose turn it is. */
  async through<T>(
    place: number | undefined,
    cookies: CookieJar,
    use: (browser: UserAgent) => Promise<T>,
  ): Promise<T> {
    if (place === undefined) this.#turn += 1
    const member = this.#members[(place ?? this.#turn) % this.#members.length]
    if (member === undefined) throw new Error('The fleet has no process.')
    const origins = { [publicOrigin]: member.harness.origin }
    const answer = use(new UserAgent({ clock: this.servers.clock, origins }, cookies))
    member.underWay.add(answer)
    return answer.finally(() => member.underWay.delete(answer))
  }
}

/** The records of one session's slot; those that are gone are `undefined`. */
export interface SlotRecords {
  readonly session: VersionedRecord | undefined
  readonly grants: readonly { readonly id: string; readonly record: VersionedRecord | undefined }[]
}

/** The half of a browser's sign-in cookie that names its slot in the store. */
export function locatorOf({ cookies }: FleetVisitor): string {
  const [locator = ''] = (cookies.get('__Host-latchkey')?.value ?? '').split('.')
  expect(locator).toHaveLength(22)
  return locator
}

/** One browser in front of a fleet. */
export class FleetVisitor {
  readonly cookies: CookieJar
  /** Whose browser it is, once somebody has signed in. */
  userId: string | undefined
  readonly #fleet: Fleet

  constructor(fleet: Fleet, cookies: CookieJar) {
    this.#fleet = fleet
    this.cookies = cookies
  }

  /** Opens a path. @param place absent: whichever process has its turn */
  get(path: string, options: NavigationOptions = {}, place?: number): Promise<PageResponse> {
    return this.#fleet.through(place, this.cookies, (browser) => browser.get(publicOrigin + path, options))
  }

  /** Sends a form of our own pages. */
  post(path: string, place?: number): Promise<PageResponse> {
    return this.#fleet.through(place, this.cookies, (browser) =>
      browser.post(publicOrigin + path, {}, { redirect: 'manual' }),
    )
  }

  /** The whole sign-in, all at one process. No other one may run at the same time. */
  async signIn(userId: string, place?: number): Promise<void> {
    this.#fleet.servers.as.policy.autoApprove = userId
    expect((await this.get('/login/example', {}, place)).status).toBeLessThan(400)
    expect(await this.whoami(place)).toBe(userId)
    this.userId = userId
  }

  /** Whom the app takes this browser for. */
  async whoami(place?: number): Promise<unknown> {
    const { user } = JSON.parse((await this.get('/whoami', {}, place)).text) as { user: unknown } // our own route
    return user
  }
}

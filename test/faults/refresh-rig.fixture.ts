import { setTimeout as sleep } from 'node:timers/promises'
import type { Policy } from '@latchkey/testing'
import { expect, onTestFinished } from 'vitest'
import { appsOfTest, leaksIn, redisOfTest } from '../integration/apps.fixture.ts'
import type { Apps, AppsSetup } from '../integration/apps.ts'
import { people } from '../integration/fleet.fixture.ts'
import { countTimeoutMs } from '../integration/run-counts.fixture.ts'
import type { RedisServer } from '../redis-server.ts'

/** Somebody who is signed in, with one grant. */
export interface Person {
  readonly userId: string
  readonly cookie: string
}

/** App processes over one Redis, and people who are signed in. */
export interface RefreshRig {
  readonly redis: RedisServer
  readonly apps: Apps
  readonly people: readonly Person[]
}

/** How a request came out that was repeated while it was told to come back later. */
export interface Recovery {
  readonly status: number
  readonly tries: number
  readonly ms: number
}

const atOnce = 50

/** Starts it all; the access tokens have run out. People are signed in through the last process. */
export async function startRig(
  setup: Omit<AppsSetup, 'store' | 'server'> & {
    readonly people: number
    readonly policy?: Partial<Policy>
    readonly store?: AppsSetup['store']
    readonly redis?: RedisServer
  },
): Promise<RefreshRig> {
  const redis = setup.redis ?? (await redisOfTest())
  const users = people(setup.people)
  const policy = { rotate: true, reuseKillsFamily: true, ...setup.policy }
  const apps = await appsOfTest({
    store: { kind: 'single', port: redis.port },
    ...setup,
    server: { users, policy },
  })
  const signedIn: Person[] = []
  for (const { id: userId } of users)
    signedIn.push({ userId, cookie: await apps.signIn(userId, setup.count - 1) })
  await apps.expire()
  onTestFinished(async () => {
    if (redis.isRunning) expect(await leaksIn(redis, apps.servers.as.marks), 'secrets in Redis').toEqual([])
  }, countTimeoutMs)
  return { redis, apps, people: signedIn }
}

/** Asks until the answer is not 503, as the answer itself tells to, or the time is over. */
export async function recovered(
  apps: Apps,
  place: number,
  cookie: string,
  withinMs = 60_000,
): Promise<Recovery> {
  const startedAt = performance.now()
  for (let tries = 1; ; tries += 1) {
    const reply = await apps.get(place, '/me', cookie)
    await reply.arrayBuffer()
    const ms = performance.now() - startedAt
    if (reply.status !== 503 || ms > withinMs) return { status: reply.status, tries, ms }
    await sleep(200)
  }
}

/** The leases that are held, by the name that `keys.ts` of the store gives them. */
export async function leases(redis: RedisServer): Promise<readonly string[]> {
  return (await redis.command('KEYS', 'lk:{*}:l:*')) as readonly string[] // what KEYS answers
}

/** Token requests that presented each refresh token of a user's newest grant. */
export function callsOf(apps: Apps, userId: string): readonly number[] {
  const live = apps.servers.as.liveFor(userId)
  return live === undefined ? [] : apps.servers.as.refreshCallsByGeneration(live.grantId)
}

/** The vault serves living grants, now and past the next expiry, with one token request for each. */
export async function isWhole(apps: Apps, place: number, people: readonly Person[]): Promise<boolean> {
  await apps.expire()
  // Not so many at once that the store's limit of commands under way is reached.
  for (let from = 0; from < people.length; from += atOnce) {
    const answers = await Promise.all(
      people.slice(from, from + atOnce).map((person) => isWholeFor(apps, place, person)),
    )
    if (!answers.every((isGood) => isGood)) return false
  }
  return true
}

async function isWholeFor(apps: Apps, place: number, { cookie, userId }: Person): Promise<boolean> {
  const before = callsOf(apps, userId)
  const reply = await apps.get(place, '/me', cookie)
  await reply.arrayBuffer()
  const after = callsOf(apps, userId)
  const isFresh = await apps.vaultIsLive(place, cookie, userId)
  return reply.status === 200 && isFresh && after.length === before.length + 1 && after.at(-2) === 1
}

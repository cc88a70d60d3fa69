import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { CookieJar, LiveGrant } from '@latchkey/testing'
import type { RedisServer } from '../redis-server.ts'
import type { AppKind } from './app-messages.ts'
import type { Apps } from './apps.ts'
import { headerOf, type Race } from './session-race.fixture.ts'

const mostTries = 20
const pauseMs = 200

/** What must not come of a race. */
export type FaultKind =
  | 'processes disagree'
  | 'sessions revived'
  | 'app data revived'
  | 'sessions lost'
  | 'tokens overwritten or lost'
  | 'writes to req.session lost'
  | 'requests failed'

/** One thing that came of a race and must not. */
export interface Fault {
  readonly kind: FaultKind
  readonly about: string
}

/** What the cookies of a window are good for. */
interface Standing {
  readonly isAlive: boolean
  readonly isAgreed: boolean
  readonly data: Readonly<Record<string, unknown>>
  readonly accounts: readonly string[]
}

/** What is found after a race. */
export interface Observed {
  readonly race: Race
  readonly before: Standing
  readonly renewed: readonly { readonly act: string; readonly jar: CookieJar; readonly standing: Standing }[]
}

/** Asks every process about every cookie that the race has left. */
export async function observed(apps: Apps, race: Race): Promise<Observed> {
  const renewed = race.windows
    .filter(({ act, isDone }) => isDone && (act === 'signs in again' || act === 'links an account'))
    .map(async ({ act, jar }) => ({ act, jar, standing: await standingOf(apps, jar) }))
  return { race, before: await standingOf(apps, race.before), renewed: await Promise.all(renewed) }
}

/** True when no process takes these cookies for anybody. */
export async function isDead(apps: Apps, jar: CookieJar): Promise<boolean> {
  const { isAlive, isAgreed } = await standingOf(apps, jar)
  return !isAlive && isAgreed
}

/** The faults of sessions and their data. */
export function faultsOf({ race, before, renewed }: Observed, kind: AppKind): readonly Fault[] {
  const done = (act: string): boolean => race.windows.some((one) => one.act === act && one.isDone)
  const isOut = done('signs out') || done('signs out everywhere')
  const isOver = done('signs in again')
  // Latchkey writes a new secret with a link, so that the old cookie ends; by hand it stays.
  const isReplaced = isOver || (kind === 'latchkey' && done('links an account'))
  const faults: Fault[] = []
  const add = (isFault: boolean, name: FaultKind, what: string): void => {
    if (isFault) faults.push({ kind: name, about: `${race.userId}: ${what}; ${toldOf(race)}` })
  }
  const all = [before, ...renewed.map(({ standing }) => standing)]
  add(!all.every(({ isAgreed }) => isAgreed), 'processes disagree', 'a cookie is alive here and dead there')
  add((isOut || isReplaced) && before.isAlive, 'sessions revived', 'the old cookie is alive')
  const isDataOver = isOut || isOver
  add(isDataOver && Object.keys(before.data).length > 0, 'app data revived', JSON.stringify(before.data))
  // What was answered 503 may have happened or not.
  const isKnown = !race.windows.some(({ status }) => status === 503)
  if (!isOut && isKnown) {
    add(!isReplaced && !before.isAlive, 'sessions lost', 'the cookie is dead')
    // Where two windows renew the session at once, either may have the last word.
    const isLost = renewed.length > 0 && !renewed.some(({ standing }) => standing.isAlive)
    add(isLost, 'sessions lost', 'the new cookie is dead')
  }
  if (!isDataOver && isKnown) {
    const expected = { note: 'before', ...(done('writes data') && { colour: race.written }) }
    const found = JSON.stringify(Object.entries(before.data).toSorted())
    const isKept = found === JSON.stringify(Object.entries(expected).toSorted())
    add(!isKept, 'writes to req.session lost', found)
  }
  for (const { act, status } of race.windows) {
    const isUndisturbed = !isOut && !isReplaced && isKnown && act === 'calls the API'
    add(
      (status >= 500 && status !== 503) || (isUndisturbed && status !== 200),
      'requests failed',
      `${act}: ${status}`,
    )
  }
  return faults
}

/**
 * Past one more expiry: whoever is signed in gets, for each account, the newest token of a grant that lives. Answers
 * the faults of tokens.
 */
export async function tokenFaults(apps: Apps, all: readonly Observed[]): Promise<readonly Fault[]> {
  await apps.expire()
  const asked = all.flatMap(({ race, before, renewed }) => {
    const alive = [{ jar: race.before, standing: before }, ...renewed].filter(
      ({ standing }) => standing.isAlive,
    )
    return alive.flatMap(({ jar, standing }) =>
      standing.accounts.map(async (provider) => ({
        race,
        provider,
        ...(await digestAt(apps, jar, provider)),
      })),
    )
  })
  const answers = await Promise.all(asked)
  const newest = newestTokens(apps.servers.as.grants())
  return answers
    .filter(({ race, provider, digest }) => newest.get(digest) !== `${race.userId} ${provider}`)
    .map(({ race, provider, status }) => ({
      kind: 'tokens overwritten or lost' as const,
      about: `${race.userId} at ${provider}: ${status}; ${toldOf(race)}`,
    }))
}

/** Keys of sessions, their grants and indexes. When every session has ended there must be none. */
export async function sessionKeys(redis: RedisServer): Promise<readonly string[]> {
  const keys = await redis.with((client) => client.keys('*'))
  return keys.filter((key) => /:(s|m|g:.*|l:.*)$/.test(key))
}

function newestTokens(grants: readonly LiveGrant[]): ReadonlyMap<string, string> {
  const live = grants.flatMap(({ accessToken, userId, clientId, revoked, familyRevoked }) =>
    accessToken === undefined || revoked || familyRevoked
      ? []
      : [[digestOf(accessToken), `${userId} ${clientId.replace('-client', '')}`] as const],
  )
  return new Map(live)
}

function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}

async function digestAt(apps: Apps, jar: CookieJar, provider: string) {
  const place = Math.floor(Math.random() * apps.members.length)
  const reply = await answered(() => apps.get(place, `/vault/${provider}`, headerOf(jar)))
  const text = await reply.text()
  const isJson = reply.status === 200
  const { digest } = isJson ? (JSON.parse(text) as { readonly digest: string }) : { digest: '' } // of our own route
  return { status: reply.status, digest }
}

async function standingOf(apps: Apps, jar: CookieJar): Promise<Standing> {
  const cookie = headerOf(jar)
  const places = apps.members.map((_, place) => place)
  const users = await Promise.all(places.map((place) => jsonAt(apps, place, '/whoami', cookie)))
  const seen = new Set(users.map((answer) => String((answer as { readonly user: unknown }).user))) // our own route
  const place = Math.floor(Math.random() * places.length)
  const [data, accounts] = await Promise.all([
    jsonAt(apps, place, '/data', cookie),
    jsonAt(apps, place, '/accounts', cookie),
  ])
  return {
    isAlive: !seen.has('null'),
    isAgreed: seen.size === 1,
    data: data as Standing['data'], // our own routes
    accounts: accounts as Standing['accounts'],
  }
}

async function jsonAt(apps: Apps, place: number, path: string, cookie: string): Promise<unknown> {
  const reply = await answered(() => apps.get(place, path, cookie))
  if (reply.status !== 200) throw new Error(`${path} was answered ${reply.status}.`)
  return reply.json()
}

/** Asks again while the answer is to come later, as a busy machine makes Redis too slow now and then. */
export async function answered(ask: () => Promise<Response>): Promise<Response> {
  for (let tries = 1; ; tries += 1) {
    const reply = await ask()
    if (reply.status !== 503 || tries === mostTries) return reply
    await reply.arrayBuffer()
    await pause(pauseMs)
  }
}

function toldOf({ windows }: Race): string {
  return windows
    .map(({ act, status, isDone }) => `${act}: ${status}${isDone ? '' : ' (not done)'}`)
    .join(', ')
}

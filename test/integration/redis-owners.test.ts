import { afterAll, describe, expect, it } from 'vitest'
import { patient } from '../../packages/redis/src/store-options.fixture.ts'
import { redisIsMissing } from '../redis-server.ts'
import { ResultsFile } from '../results.ts'
import { tally } from './applications.fixture.ts'
import { appsOfTest, redisOfTest } from './apps.fixture.ts'
import type { Apps } from './apps.ts'
import { people } from './fleet.fixture.ts'
import { refreshFigures } from './herd.ts'
import { startOwnerCheckingApi } from './owner-checking-api.fixture.ts'
import { seededRandom } from './return-to-corpus.fixture.ts'
import { countOf, countTimeoutMs } from './run-counts.fixture.ts'
import { oneOf } from './session-race.fixture.ts'

const processes = 4
const lanes = 48

describe.skipIf(redisIsMissing)('whose token an API gets, over processes and Redis', () => {
  const results = new ResultsFile({
    name: 'token-owners',
    title: 'Whose tokens an API gets, and for which audience (cases 56, 61)',
    command: 'npm run test:full -- test/integration/redis-owners.test.ts',
    setUp: { processes, 'requests at once': lanes },
  })
  afterAll(() => void results.write())

  it(
    'case 56: every call of every user carries that user’s token',
    async () => {
      const users = people(countOf({ everyday: 40, full: 500 }))
      const [waves, perWave] = [countOf({ everyday: 6, full: 200 }), countOf({ everyday: 400, full: 5_000 })]
      const [redis, api, random] = [await redisOfTest(), await startOwnerCheckingApi(), seededRandom(56)]
      const apps = await appsOfTest({
        count: processes,
        store: { kind: 'single', port: redis.port },
        storeOptions: patient,
        storeDelayMs: 2,
        resourceUrl: `${api.origin}/thing`,
        server: { users, policy: { rotate: true, reuseKillsFamily: true } },
      })
      const { as } = apps.servers
      api.authorizationServer = as
      const visitors: { readonly id: string; readonly cookie: string }[] = []
      for (const { id } of users)
        visitors.push({ id, cookie: await apps.signIn(id, visitors.length % processes) })
      let [own, left, later, wrong, asked] = [0, 0, 0, 0, 0]
      const lane = async (until: number): Promise<void> => {
        for (; asked < until; ) {
          asked += 1
          const { id, cookie } = oneOf(random, visitors)
          if (random() < 0.05) {
            // The API stops taking this user's token in the middle of it all.
            api.learn()
            as.expireAccessTokens(id)
          }
          const place = Math.floor(random() * processes)
          const leaves = random() < 0.05
          const signal = leaves ? AbortSignal.timeout(Math.ceil(random() * 8)) : undefined
          const init = { headers: { 'x-visitor': id }, ...(signal !== undefined && { signal }) }
          const answer = await answerOf(apps, place, cookie, init)
          if (answer === undefined && leaves) left += 1
          else if (answer?.owner === id) own += 1
          // Told to come again, on a machine that is busy.
          else if (answer?.owner === undefined) later += 1
          else wrong += 1
        }
      }
      for (let wave = 1; wave <= waves; wave += 1) {
        api.learn()
        await apps.expire()
        await Promise.all(Array.from({ length: lanes }, () => lane(wave * perWave)))
      }
      const { requests, wrongOwner, noOwner } = api.counts
      results.count('calls with another user’s token', wrongOwner, { of: requests, bar: '0' })
      results.count('calls with a token of nobody', noOwner, { of: requests, bar: '0' })
      results.count('visitors who left', left, { of: asked })
      results.count('answers of another user', wrong, { of: asked, bar: '0' })
      results.count('visitors told to come again', later, { of: asked })
      expect([wrongOwner, noOwner, wrong]).toEqual([0, 0, 0])
      expect(own).toBeGreaterThan(asked * 0.8)
      expect(refreshFigures(as)).toMatchObject({ familiesKilled: 0, most: 1 })
    },
    countTimeoutMs,
  )

  it(
    'case 61: eight processes started at once mint one token per scope and audience, and mix none up',
    async () => {
      const [expiries, calls] = [countOf({ everyday: 3, full: 100 }), countOf({ everyday: 160, full: 1_000 })]
      const redis = await redisOfTest()
      const apps = await appsOfTest({
        count: 8,
        store: { kind: 'single', port: redis.port },
        storeOptions: patient,
      })
      const { as } = apps.servers
      // The very first call, at all of them at once.
      const first = await Promise.all(
        apps.members.map((_, place) => applicationCall(apps, place, 'read', undefined)),
      )
      expect(tally(first.map(({ status }) => status))).toEqual({ 200: 8 })
      expect(mintsOf(as.requests)).toBe(1)
      const wanted = ['read', 'write'].flatMap((scope) =>
        [undefined, 'a', 'b', 'c'].map((audience) => [scope, audience] as const),
      )
      let mismatches = 0
      for (let expiry = 0; expiry < expiries; expiry += 1) {
        await apps.expire()
        const asked = Array.from({ length: calls }, async (_, index) => {
          const [scope, audience] = wanted[index % wanted.length] ?? ['', '']
          const { status, claims } = await applicationCall(apps, Math.floor(index / 8) % 8, scope, audience)
          if (status !== 200 || claims?.audience !== audience || claims?.scope[0] !== scope) mismatches += 1
        })
        await Promise.all(asked)
      }
      const mints = mintsOf(as.requests)
      results.count('calls with a token for another audience or scope', mismatches, {
        of: expiries * calls,
        bar: '0',
      })
      results.count('tokens minted by 8 processes', mints, {
        of: 1 + expiries * wanted.length,
        bar: String(1 + expiries * wanted.length),
      })
      expect([mismatches, mints]).toEqual([0, 1 + expiries * wanted.length])
    },
    countTimeoutMs,
  )
})

/** `undefined`: the visitor was gone before. */
async function answerOf(
  apps: Apps,
  place: number,
  cookie: string,
  init: RequestInit,
): Promise<{ readonly owner: unknown } | undefined> {
  try {
    const reply = await apps.get(place, '/owned', cookie, init)
    return (await reply.json()) as { readonly owner: unknown } // our own API
  } catch (error) {
    if (init.signal?.aborted) return undefined
    throw error
  }
}

interface ApplicationAnswer {
  readonly status: number
  readonly claims: { readonly scope: readonly string[]; readonly audience?: string } | undefined
}

async function applicationCall(
  apps: Apps,
  place: number,
  scope: string,
  audience: string | undefined,
): Promise<ApplicationAnswer> {
  const reply = await apps.get(
    place,
    `/application/${scope}${audience === undefined ? '' : `/${audience}`}`,
    '',
  )
  const text = await reply.text()
  if (reply.status !== 200) return { status: reply.status, claims: undefined }
  return { status: 200, claims: (JSON.parse(text) as Pick<ApplicationAnswer, 'claims'>).claims } // of the emulated API
}

function mintsOf(requests: Apps['servers']['as']['requests']): number {
  return requests.filter(({ form }) => form.get('grant_type') === 'client_credentials').length
}

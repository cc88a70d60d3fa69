import { describe, expect, it } from 'vitest'
import { type FloodCost, ownForm } from './flood.fixture.ts'
import { type Flooded, floodSize, startFlooded, usuallyAtOnce } from './flooded.fixture.ts'
import { countTimeoutMs } from './run-counts.fixture.ts'
import { bothWays } from './signed-in.fixture.ts'

/** Says what it cost, and holds it against what one grant may cost. */
function expectBounded(name: string, cost: FloodCost, storeCommandsPerRequest: number): void {
  const { answers, seconds, asCalls, tokenGaps } = cost
  const perRequest = cost.storeCommandsPerRequest.toFixed(2)
  console.log(
    `case 89: ${name}: ${floodSize} requests in ${seconds} s of the clock, answered ${JSON.stringify(answers)}: ` +
      `${JSON.stringify(asCalls)} at the authorization server, ${perRequest} store commands per request`,
  )
  expect(Math.min(...tokenGaps, Infinity), 'seconds between two token requests').toBeGreaterThanOrEqual(10)
  expect(cost.storeCommandsPerRequest).toBeLessThanOrEqual(storeCommandsPerRequest)
}

/** Every refresh token was sent once at most, and none of them after its time. */
function expectOncePerGeneration({ as }: Flooded): void {
  for (const { grantId, familyRevoked } of as.grants()) {
    expect(Math.max(0, ...as.refreshCallsByGeneration(grantId))).toBeLessThanOrEqual(1)
    expect(familyRevoked).toBe(false)
  }
}

describe('case 89: one session that forces refreshes', () => {
  it.each(bothWays)(
    'case 89: by an API that answers 401 for ever, through req.oauth.%s',
    async (name) => {
      const flooded = await startFlooded()
      flooded.rs.faults.always('resource', { status: 401 })
      const cost = await flooded.flood(() => `/call/${name}`)
      expectBounded(`401s for ever, ${name}`, cost, 5)
      expectOncePerGeneration(flooded)
      expect([cost.answers, Object.keys(cost.asCalls)]).toEqual([{ 401: floodSize }, ['token']])
      expect(cost.asCalls.token).toBeGreaterThanOrEqual(4)
    },
    countTimeoutMs,
  )

  it(
    'case 89: by an API that answers 401 for ever, where another device may be signing in',
    async () => {
      const flooded = await startFlooded({ policy: { exclusive: true }, provider: { exclusive: true } })
      flooded.rs.faults.always('resource', { status: 401 })
      // Whoever is refused waits for up to 3 seconds, so fewer and larger batches.
      const cost = await flooded.flood(() => '/call/request', { atOnce: floodSize / 3 })
      expectBounded('401s for ever, exclusive', cost, 6)
      expectOncePerGeneration(flooded)
      expect(cost.answers).toEqual({ 401: floodSize })
    },
    countTimeoutMs,
  )

  it(
    'case 89: by asking for more time than any token has',
    async () => {
      const flooded = await startFlooded()
      const cost = await flooded.flood(() => '/long')
      expectBounded('minTtlSeconds', cost, 4)
      expectOncePerGeneration(flooded)
      expect([cost.answers, Object.keys(cost.asCalls)]).toEqual([{ 200: floodSize }, ['token']])
    },
    countTimeoutMs,
  )

  it(
    'case 89: while the authorization server fails: two sends at first, then one per 10 seconds',
    async () => {
      const flooded = await startFlooded()
      flooded.as.faults.always('token', { status: 500 })
      const cost = await flooded.flood(() => '/long')
      const [again = 0, ...gaps] = cost.tokenGaps
      expectBounded('failing server', { ...cost, tokenGaps: gaps }, 6)
      expect(again).toBeLessThan(10)
      expect(cost.asCalls.token).toBeLessThanOrEqual(2 + Math.ceil(cost.seconds / 10))
    },
    countTimeoutMs,
  )

  it(
    'case 89: with tokens that live for 2 seconds: one per lifetime, which is the exception',
    async () => {
      const flooded = await startFlooded({ policy: { accessTokenLifetimeSeconds: 2 } })
      await flooded.clock.advance(3_600)
      const cost = await flooded.flood(() => '/call/fetch', { stepSeconds: 0.5 })
      const { tokenGaps, ...rest } = cost
      expectBounded('lifetime of 2 s', { ...rest, tokenGaps: [] }, 8)
      // An end between two seconds counts as the earlier one.
      expect(Math.min(...tokenGaps)).toBeGreaterThanOrEqual(1)
      expectOncePerGeneration(flooded)
    },
    countTimeoutMs,
  )

  it.each([
    ['a refusing API', '/application/fetch', '/application/request', 401],
    ['asking for more time', '/long/application', '/long/application', 200],
  ] as const)(
    'case 89: of the application, by %s',
    async (name, one, other, status) => {
      const flooded = await startFlooded()
      if (status === 401) flooded.rs.faults.always('resource', { status })
      const cost = await flooded.flood((index) => (index % 3 === 0 ? one : other))
      expectBounded(`application, ${name}`, cost, 5)
      expect([cost.answers, Object.keys(cost.asCalls)]).toEqual([{ [status]: floodSize }, ['token']])
    },
    countTimeoutMs,
  )
})

describe('case 89: one session that reloads', () => {
  it.each([
    ['a guarded page whose scope is missing', '/more', ['grants.read', 'sessions.read', 'usedMarkers.take']],
    ['the page that adds an account', '/login/example/link', ['sessions.read']],
    ['the page that authorizes anew', '/login/example/consent', ['sessions.read']],
    ['what an account says of itself', '/status', ['grants.read', 'sessions.read']],
    ['a guarded page', '/elsewhere', ['sessions.read']],
  ])(
    'case 89: %s: no call of the authorization server, nothing stored but a marker',
    async (name, path, storeCommands) => {
      const flooded = await startFlooded()
      const cost = await flooded.flood(() => path)
      expectBounded(name, cost, 3.1)
      expect([cost.asCalls, cost.storeCommands]).toEqual([{}, storeCommands])
      // To the authorization server at most once a minute.
      const { 303: sentOn = 0, ...shown } = cost.answers
      expect(sentOn).toBeLessThanOrEqual(path === '/more' ? 1 + Math.floor(cost.seconds / 60) : 0)
      expect(Object.keys(shown)).toEqual([path === '/more' ? '403' : '200'])
    },
    countTimeoutMs,
  )

  it.each([
    ['link', ['sessions.read']],
    ['consent', ['grants.read', 'sessions.read']],
  ])(
    'case 89: the button of %s: nothing is stored, nobody is called',
    async (purpose, storeCommands) => {
      const flooded = await startFlooded()
      const cost = await flooded.flood(() => `/login/example/${purpose}`, {
        method: 'POST',
        headers: ownForm,
      })
      expectBounded(`button of ${purpose}`, cost, 2)
      expect([cost.answers, cost.asCalls, cost.storeCommands]).toEqual([
        { 200: floodSize },
        {},
        storeCommands,
      ])
    },
    countTimeoutMs,
  )
})

describe('case 89: one session that ends again and again', () => {
  it(
    'case 89: by the sign-out: one revocation',
    async () => {
      const flooded = await startFlooded()
      const cost = await flooded.flood(() => '/logout', { method: 'POST', headers: ownForm })
      expectBounded('logout', cost, 1 + (10 * usuallyAtOnce) / floodSize)
      expect([cost.answers, cost.asCalls]).toEqual([{ 303: floodSize }, { revoke: 1 }])
    },
    countTimeoutMs,
  )

  it(
    'case 89: by disconnect(): one revocation',
    async () => {
      const flooded = await startFlooded()
      const cost = await flooded.flood(() => '/disconnect')
      expectBounded('disconnect', cost, 1 + (20 * usuallyAtOnce) / floodSize)
      expect([cost.answers, cost.asCalls]).toEqual([{ 200: floodSize }, { revoke: 1 }])
    },
    countTimeoutMs,
  )

  it(
    'case 89: at a server that cannot revoke: four tries in all',
    async () => {
      const flooded = await startFlooded()
      flooded.as.faults.always('revoke', { status: 503 })
      const cost = await flooded.flood(() => '/logout', { method: 'POST', headers: ownForm })
      await flooded.clock.advance(120)
      await flooded.clock.advance(120)
      expectBounded('logout, no revocation', cost, 1 + (10 * usuallyAtOnce) / floodSize)
      expect(flooded.as.calls.revoke).toBeLessThanOrEqual(4)
    },
    countTimeoutMs,
  )
})

describe('case 89: anybody', () => {
  const paths = ['/login/', '/callback/', '/login/%/link', '/login/%/consent']
  const unknown = (index: number): string => {
    const path = paths[index % paths.length] ?? '/login/'
    return path.includes('%') ? path.replace('%', `tenant-${index}`) : `${path}tenant-${index}?code=a&state=b`
  }

  it(
    'case 89: who asks for providers that there are not: no call and no store command but that for the cookie',
    async () => {
      const flooded = await startFlooded()
      const cost = await flooded.flood(unknown)
      expectBounded('unknown providers', cost, 1)
      expect([cost.answers, cost.asCalls]).toEqual([{ 404: floodSize }, {}])
    },
    countTimeoutMs,
  )

  it(
    'case 89: … with resolveProvider: it is asked once for each, and nobody else is',
    async () => {
      let asked = 0
      const resolveProvider = async (): Promise<undefined> => {
        asked += 1
      }
      const flooded = await startFlooded({ options: { resolveProvider } })
      const cost = await flooded.flood(unknown)
      expectBounded('unknown providers, resolved', cost, 1)
      expect([cost.answers, cost.asCalls, asked]).toEqual([{ 404: floodSize }, {}, floodSize])
    },
    countTimeoutMs,
  )

  it(
    'case 89: who begins logins and calls back without one: no call, nothing stored',
    async () => {
      const flooded = await startFlooded()
      const path = (index: number): string =>
        index % 2 === 0 ? '/login/example' : `/callback/example?code=c${index}&state=s${index}`
      const cost = await flooded.flood(path, { cookies: ['a=b'] })
      expectBounded('anonymous logins', cost, 0)
      expect([cost.answers, cost.asCalls]).toEqual([{ 303: floodSize / 2, 400: floodSize / 2 }, {}])
    },
    countTimeoutMs,
  )

  it(
    'case 89: who begins logins while discovery is down: ten calls, then one per second and instance',
    async () => {
      const flooded = await startFlooded({ openid: true })
      flooded.as.faults.always('discovery', { status: 503 })
      const cost = await flooded.flood(() => '/login/example', {
        cookies: ['a=b'],
        atOnce: 10,
        stepSeconds: 0,
      })
      expectBounded('discovery down', cost, 0)
      expect(cost.answers).toEqual({ 503: floodSize })
      expect(cost.asCalls.discovery).toBeLessThanOrEqual(2 * (10 + cost.seconds))
      flooded.as.faults.clear('discovery')
      await flooded.clock.advance(1)
      const after = await flooded.flood(() => '/login/example', { cookies: ['a=b'] })
      expect([after.answers, after.asCalls]).toEqual([{ 303: floodSize }, { discovery: 2 }])
    },
    countTimeoutMs,
  )
})

import { randomBytes } from 'node:crypto'
import type { Express } from 'express'
import { describe, expect, it } from 'vitest'
import { type Fleet, type FleetVisitor, people, startFleet } from './fleet.fixture.ts'
import { authorizationResponse, expectRefused, locationOf, reasons } from './login-steps.fixture.ts'
import { countOf, countTimeoutMs } from './run-counts.fixture.ts'
import { publicOrigin } from './two-processes.fixture.ts'

const newSecret = (): string => randomBytes(32).toString('base64url')

/** Value after value of the option `secret`, as three deploys per new secret bring them. */
function* deploys(): Generator<readonly string[], never> {
  let current = newSecret()
  for (;;) {
    const next = newSecret()
    yield [current]
    yield [current, next]
    yield [next, current]
    current = next
  }
}

/** A login that stands between the two servers: the next page is its callback. */
interface HalfLogin {
  readonly visitor: FleetVisitor
  readonly userId: string
  readonly path: string
}

async function beginLogin(fleet: Fleet, userId: string, place?: number): Promise<HalfLogin> {
  fleet.servers.as.policy.autoApprove = userId
  const visitor = fleet.newVisitor()
  const { callbackUrl } = await fleet.through(place, visitor.cookies, (browser) =>
    authorizationResponse(browser, `${publicOrigin}/login/example?returnTo=/whoami`),
  )
  return { visitor, userId, path: callbackUrl.pathname + callbackUrl.search }
}

async function endLogin({ visitor, userId, path }: HalfLogin, place?: number): Promise<void> {
  const page = await visitor.get(path, { redirect: 'manual' }, place)
  expect([page.status, page.location, page.setCookies.length]).toEqual([303, '/whoami', 2])
  expect(await visitor.whoami(place)).toBe(userId)
}

function appSessionRoutes(app: Express): void {
  app.get('/put/:text', (req, res) => {
    Reflect.set(req.session, 'text', req.params.text)
    res.end()
  })
  app.get('/text', (req, res) => void res.send(`${Reflect.get(req.session, 'text') ?? 'nothing'}`))
}

describe('case 47: the secrets of cookies are rotated', () => {
  it(
    'case 47: every login in flight across a switch succeeds, whichever process begins or ends it',
    async () => {
      const [switches, perSwitch] = [9, countOf({ everyday: 12, full: 556 })]
      const secrets = deploys()
      const first = secrets.next().value
      const fleet = await startFleet(2, { server: { users: people(perSwitch) } }, () => ({
        secret: [...first],
      }))
      let [logins, left]: [number, readonly HalfLogin[]] = [0, []]
      for (let round = 0; round < switches; round += 1) {
        const secret = [...secrets.next().value]
        for (const place of [0, 1]) {
          const begun: HalfLogin[] = []
          for (const { id } of people(perSwitch / 2)) begun.push(await beginLogin(fleet, id))
          // Half of those under way are on their way back while the process is replaced, the others come after it.
          const [during, after] = [begun.filter((_, index) => index % 2 === 0), [...left]]
          await Promise.all([fleet.replace(place, { secret }), ...during.map((half) => endLogin(half))])
          await Promise.all(after.map((half) => endLogin(half)))
          left = begun.filter((half) => !during.includes(half))
          logins += begun.length
        }
      }
      await Promise.all(left.map((half) => endLogin(half)))
      console.log(`case 47: ${switches} switches in 2 processes, ${logins} logins in flight: 0 failed`)
      expect(fleet.servers.as.grants()).toHaveLength(logins)
      expect(reasons(...fleet.all)).toEqual([])
    },
    countTimeoutMs,
  )

  it('case 47: a form_post answer relayed under one secret is taken up under the next', async () => {
    const [old, next] = [newSecret(), newSecret()]
    const secrets = [
      [old, next],
      [next, old],
    ]
    const provider = { responseMode: 'form_post' } as const
    const fleet = await startFleet(2, { provider }, (place) => ({ secret: secrets[place] ?? [] }))
    for (const [start, relay, end] of [
      [0, 1, 0],
      [1, 0, 1],
    ] as const) {
      fleet.servers.as.policy.autoApprove = 'user-ada'
      const { cookies } = fleet.newVisitor()
      const login = `${publicOrigin}/login/example`
      const form = await fleet.through(start, cookies, (browser) => browser.get(login))
      const posted = await fleet.through(relay, cookies, (browser) =>
        browser.submit(form, { redirect: 'manual' }),
      )
      const done = await fleet.through(end, cookies, (browser) =>
        browser.get(new URL(locationOf(posted), publicOrigin), { redirect: 'manual' }),
      )
      expect([posted.status, done.status, done.location]).toEqual([303, 303, '/'])
    }
  })

  it('case 47: a login under a secret that is unknown here is refused, and goes on where it is known', async () => {
    const fleet = await startFleet(2, {}, () => ({ secret: newSecret() }))
    const half = await beginLogin(fleet, 'user-ada', 0)
    const before = half.visitor.cookies.all
    fleet.probe.newCommands()
    const refused = await half.visitor.get(half.path, { redirect: 'manual' }, 1)
    expectRefused(refused)
    expect([refused.setCookies, fleet.probe.newCommands(), fleet.servers.as.calls.token]).toEqual([[], [], 0])
    expect(half.visitor.cookies.all).toEqual(before)
    expect(reasons(...fleet.all)).toEqual(['no_transaction'])
    await endLogin(half, 0)
  })

  it('case 47: req.session lives on while its secret is known, and is signed anew when it changes', async () => {
    const [old, next] = [newSecret(), newSecret()]
    const list = [[old], [old, next], [next, old], [next]]
    const [first, second, third, last] = [0, 1, 2, 3]
    const fleet = await startFleet(4, { routes: appSessionRoutes }, (place) => ({
      secret: list[place] ?? [],
    }))
    const [still, changing] = [fleet.newVisitor(), fleet.newVisitor()]
    for (const visitor of [still, changing]) await visitor.get('/put/apple', {}, first)
    const textAt = async (visitor: FleetVisitor, place: number): Promise<string> => {
      const page = await visitor.get('/text', {}, place)
      expect([page.status, page.setCookies]).toEqual([200, []])
      return page.text
    }
    for (const place of [first, second, third]) expect(await textAt(still, place)).toBe('apple')
    expect((await changing.get('/put/pear', {}, third)).setCookies).toHaveLength(1)
    for (const place of [second, third, last]) expect(await textAt(changing, place)).toBe('pear')

    // Without its secret it is nobody's, and stays where it is.
    fleet.probe.newCommands()
    expect(await textAt(still, last)).toBe('nothing')
    expect(await textAt(changing, first)).toBe('nothing')
    expect(fleet.probe.newCommands()).toEqual([])
    expect([await textAt(still, second), await textAt(changing, second)]).toEqual(['apple', 'pear'])
  })

  it('case 47: a cookie signed by a secret of nobody is nobody, deletes nothing and costs no store command', async () => {
    const fleet = await startFleet(2, { routes: appSessionRoutes }, () => ({ secret: newSecret() }))
    const visitor = fleet.newVisitor()
    await visitor.get('/put/apple', {}, 0)
    const before = visitor.cookies.all
    fleet.probe.newCommands()
    for (const path of ['/text', '/whoami', '/']) {
      const page = await visitor.get(path, {}, 1)
      expect([path, page.status, page.setCookies]).toEqual([path, 200, []])
    }
    expect([fleet.probe.newCommands(), visitor.cookies.all]).toEqual([[], before])
    expect((await visitor.get('/text', {}, 0)).text).toBe('apple')
  })
})

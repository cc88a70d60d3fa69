import type { RequestOAuth } from '@latchkey/express'
import type { UserAgent } from '@latchkey/testing'
import {
  Agent,
  type Dispatcher,
  getGlobalDispatcher,
  interceptors,
  MockAgent,
  ProxyAgent,
  setGlobalDispatcher,
} from 'undici'
import { afterEach, describe, expect, it } from 'vitest'
import { events, type HarnessSetup, startHarness } from './harness.fixture.ts'
import { bothWays, type Holding, startHolding } from './signed-in.fixture.ts'

type Dispatch = Dispatcher['dispatch']

const original = getGlobalDispatcher()
const agents: Dispatcher[] = []

afterEach(async () => {
  setGlobalDispatcher(original)
  await Promise.all(agents.splice(0).map((agent) => agent.close()))
})

/** Notes what passes. */
class Passage {
  readonly requests: string[] = []

  /** An interceptor that goes between the caller and a cache, or behind it. */
  readonly interceptor =
    (dispatch: Dispatch): Dispatch =>
    (options, handler) => {
      this.requests.push(options.path)
      return dispatch(options, handler)
    }
}

/** undici's own cache; `behind` notes what it lets through. */
function cachingAgent(behind: Passage, type: 'shared' | 'private' = 'shared'): Dispatcher {
  const agent = new Agent()
  agents.push(agent)
  return agent.compose(behind.interceptor, interceptors.cache({ type }))
}

/** An API and a userinfo endpoint that invite everybody to keep their answers. */
function invite({ rs, as }: Pick<Holding, 'rs' | 'as'>): void {
  const headers = { 'cache-control': 'public, max-age=3600, s-maxage=3600' }
  rs.faults.always('resource', { headers })
  as.faults.always('userinfo', { headers })
}

const setups: Readonly<
  Record<string, (behind: Passage) => { readonly own?: Dispatcher; readonly global?: Dispatcher }>
> = {
  'no cache anywhere': () => ({}),
  'a shared cache in the global dispatcher': (behind) => ({ global: cachingAgent(behind) }),
  'a shared cache in the option dispatcher': (behind) => ({ own: cachingAgent(behind) }),
  'a private cache in the option dispatcher': (behind) => ({ own: cachingAgent(behind, 'private') }),
  'caches in both': (behind) => ({ own: cachingAgent(behind), global: cachingAgent(behind) }),
}

/** Who the API says that the token belongs to. */
function ownerIn(text: string): unknown {
  return (JSON.parse(text) as { claims?: { sub?: unknown } }).claims?.sub // the resource server's own answer
}

describe.each(Object.entries(setups))('case 57: with %s', (_name, setup) => {
  it.each(bothWays)(
    'case 57: nobody is given through %s what the API said to somebody else',
    async (_way, call) => {
      const { harness, ada, grace } = await startTwoUsers(setup)
      const { rs } = harness
      for (const path of ['/me', '/me', '/things?page=1']) {
        for (const [oauth, owner] of [
          [ada, 'user-ada'],
          [grace, 'user-grace'],
          [ada, 'user-ada'],
        ] as const) {
          const answer = await call(oauth, rs.origin + path)
          expect([answer.status, ownerIn(answer.text)]).toEqual([200, owner])
          expect(answer.headers['cache-control']).toContain('public')
        }
      }
      expect(rs.requests.map(({ headers }) => headers['cache-control'])).toEqual(
        Array.from({ length: 9 }, () => 'no-store'),
      )
    },
  )

  it('case 57: nobody is signed in by the userinfo of somebody else', async () => {
    const { harness } = await startTwoUsers(setup)
    expect(harness.as.calls.userinfo).toBe(2)
    for (const request of harness.as.requests.filter(({ endpoint }) => endpoint === 'userinfo'))
      expect(request.headers['cache-control']).toBe('no-store')
  })

  it('case 57: nor where the token goes in a header that no cache knows', async () => {
    const { harness, ada, grace } = await startTwoUsers(setup, {
      provider: { credentials: { headers: { 'x-token': '{access_token}' } } },
    })
    const { as, rs } = harness
    rs.faults.always('resource', {
      status: 200,
      headers: { 'cache-control': 'max-age=3600' },
      commit: true,
    })
    for (const oauth of [ada, grace]) {
      const before = rs.calls.resource
      expect((await oauth.fetch(`${rs.origin}/me`)).status).toBe(200)
      expect(rs.calls.resource).toBe(before + 1)
    }
    const owners = rs.requests.map(({ headers }) => as.introspect(String(headers['x-token']))?.userId)
    expect(owners).toEqual(['user-ada', 'user-grace'])
  })
})

describe('case 57: what this is protected from', () => {
  it('case 57: undici’s shared cache does hand a public answer on, when the request does not forbid it', async () => {
    const behind = new Passage()
    const { harness, ada, grace } = await startTwoUsers(() => ({ own: cachingAgent(behind) }))
    const { rs } = harness
    const owners = []
    for (const oauth of [ada, grace]) {
      const reply = await oauth.fetch(`${rs.origin}/me`, { headers: { 'cache-control': 'max-age=3600' } })
      owners.push(ownerIn(await reply.text()))
    }
    // The caller's own directive stands, as every header of the caller does: the documents warn of it.
    expect(owners).toEqual(['user-ada', 'user-ada'])
    expect(rs.calls.resource).toBe(1)
  })
})

describe('case 57: the global dispatcher at start-up', () => {
  const replaced: Readonly<Record<string, () => Dispatcher>> = {
    'an agent with a cache': () => cachingAgent(new Passage()),
    'an agent with any interceptor': () => new Agent().compose(interceptors.retry()),
    'a proxy agent': () => new ProxyAgent('http://127.0.0.1:9'),
    'a mock agent': () => new MockAgent(),
  }

  it.each(Object.entries(replaced))(
    'case 57: %s is warned of once, and left where it is',
    async (_name, make) => {
      const dispatcher = make()
      agents.push(dispatcher)
      setGlobalDispatcher(dispatcher)
      const harness = await startHarness()
      const warned = events(harness, 'options.global_dispatcher')
      expect(warned.map(({ level }) => level)).toEqual(['warn'])
      expect(warned[0]?.message).toContain('global undici dispatcher')
      expect(getGlobalDispatcher()).toBe(dispatcher)
      setGlobalDispatcher(original)
      await harness.signedIn()
      expect(events(harness, 'options.global_dispatcher')).toHaveLength(1)
    },
  )

  it('case 57: the default one is not warned of, used or not', async () => {
    await fetch('data:,warm')
    const agent = new Agent()
    agents.push(agent)
    for (const dispatcher of [original, agent]) {
      setGlobalDispatcher(dispatcher)
      expect(events(await startHarness(), 'options.global_dispatcher')).toEqual([])
    }
  })
})

/** Two people signed in at an app with these dispatchers, and the `req.oauth` of one request of each. */
async function startTwoUsers(
  setup: (behind: Passage) => { readonly own?: Dispatcher; readonly global?: Dispatcher },
  more: Pick<HarnessSetup, 'provider'> = {},
): Promise<{ readonly harness: Holding; readonly ada: RequestOAuth; readonly grace: RequestOAuth }> {
  const { own, global } = setup(new Passage())
  if (global !== undefined) setGlobalDispatcher(global)
  const harness = await startHolding({ ...more, options: own === undefined ? {} : { dispatcher: own } })
  invite(harness)
  // The emulated endpoint reads a bearer token only.
  const unread = more.provider?.credentials === undefined ? [] : ['user-ada', 'user-grace']
  for (const sub of unread) harness.as.faults.next('userinfo', 1, { status: 200, body: { sub } })
  const browsers: readonly UserAgent[] = [await harness.signedIn('Ada'), await harness.signedIn('Grace')]
  const [ada, grace] = await Promise.all(browsers.map((browser) => harness.oauthOf(browser)))
  if (ada === undefined || grace === undefined) throw new Error('no req.oauth')
  expect([ada.user?.id, grace.user?.id]).toEqual(['user-ada', 'user-grace'])
  return { harness, ada, grace }
}

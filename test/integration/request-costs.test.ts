import type { RequestOAuth } from '@latchkey/express'
import { describe, expect, it } from 'vitest'
import { startApi } from './applications.fixture.ts'
import { keepAliveClient, navigation } from './flood.fixture.ts'
import { startHarness, startServers } from './harness.fixture.ts'
import { bothWays } from './signed-in.fixture.ts'
import { probedStore } from './store-probe.fixture.ts'

/** What a route asks of the store, from the cookie to the answer. */
const routes: Readonly<Record<string, readonly string[]>> = {
  '/nothing': ['sessions.read'],
  '/who': ['sessions.read'],
  '/guarded': ['sessions.read'],
  '/guarded/provider': ['sessions.read'],
  '/guarded/scope': ['sessions.read', 'grants.read'],
  '/accounts': ['sessions.read'],
  '/status': ['sessions.read', 'grants.read'],
  '/token': ['sessions.read', 'grants.read'],
  '/call/fetch': ['sessions.read', 'grants.read'],
  '/call/request': ['sessions.read', 'grants.read'],
  '/call/fetch/twice': ['sessions.read', 'grants.read', 'grants.read'],
  '/call/request/twice': ['sessions.read', 'grants.read', 'grants.read'],
}

/** The same of what needs nobody signed in. */
const jobs: Readonly<Record<string, readonly string[]>> = {
  '/nothing': [],
  '/user': ['users.read', 'grants.read'],
  '/user/token': ['users.read', 'grants.read', 'grants.read'],
  '/user/fetch': ['users.read', 'grants.read', 'grants.read'],
  '/user/request': ['users.read', 'grants.read', 'grants.read'],
  '/user/status': ['users.read', 'grants.read', 'grants.read'],
  '/application/token': ['grants.read'],
  '/application/fetch': ['grants.read'],
  '/application/request': ['grants.read'],
}

/** An app with Ada and Grace signed in, with all tokens fresh. */
async function startCosted({ keepAccounts }: { readonly keepAccounts: boolean }) {
  const servers = await startServers()
  const { as, clock } = servers
  const api = await startApi(as, servers)
  const probe = probedStore(clock)
  const harness = await startHarness({
    servers,
    provider: { resourceOrigins: [api.origin], keepAccounts },
    options: { store: probe.store },
    routes: (app, auth) => {
      app.get('/nothing', (_req, res) => void res.end())
      app.get('/who', (req, res) => void res.send(req.oauth.user?.name))
      app.get('/guarded', auth.requireLogin(), (_req, res) => void res.end())
      app.get('/guarded/provider', auth.requireLogin({ provider: 'example' }), (_req, res) => void res.end())
      app.get('/guarded/scope', auth.requireLogin({ scope: ['read'] }), (_req, res) => void res.end())
      app.get('/accounts', (req, res) => void res.json(req.oauth.accounts))
      app.get('/status', async (req, res) => void res.json(await req.oauth.accounts[0]?.status()))
      app.get('/token', async (req, res) => void res.end(String(Boolean(await req.oauth.accessToken()))))
      app.get('/user', async (_req, res) => void res.json(await auth.user('grace')))
      app.get('/user/token', async (_req, res) => {
        await (await auth.user('grace'))?.accessToken()
        res.end()
      })
      app.get('/user/status', async (_req, res) => {
        res.json(await (await auth.user('grace'))?.accounts[0]?.status())
      })
      app.get('/application/token', async (_req, res) => {
        await auth.application('example').accessToken()
        res.end()
      })
      for (const [name, call] of bothWays) {
        app.get(`/call/${name}{/:twice}`, async (req, res) => {
          const oauth = req.oauth as unknown as RequestOAuth // whatever ids another program registered
          const { status } = await call(oauth, api.origin)
          res.status(req.params.twice === undefined ? status : (await call(oauth, api.origin)).status).end()
        })
        app.get(`/user/${name}`, async (_req, res) => {
          const user = await auth.user('grace')
          if (user === undefined) throw new Error('nobody')
          res.status((await call(user, api.origin)).status).end()
        })
        app.get(`/application/${name}`, async (_req, res) => {
          res.status((await call(auth.application('example'), api.origin)).status).end()
        })
      }
    },
  })
  const { auth, origin } = harness
  const signIn = (name: string, userId: string) => {
    const tokens = as.tokens(name, { scope: ['read'] })
    return auth.createSession({ provider: 'example', user: { id: tokens.userId }, tokens, userId })
  }
  const { cookie } = await signIn('Ada', 'ada')
  await signIn('Grace', 'grace')
  await auth.application('example').accessToken()
  const send = keepAliveClient(1)
  /** The commands of one request. */
  const costOf = async (path: string, headers: Readonly<Record<string, string>> = {}) => {
    probe.newCommands()
    const { status } = await send(origin, { path, headers: { ...navigation, ...headers } })
    expect([path, status]).toEqual([path, 200])
    return probe.newCommands()
  }
  return { cookie, costOf }
}

describe.each([
  ['that ends with its session', false],
  ['that is kept', true],
])('the store commands of a request with an account %s', (_name, keepAccounts) => {
  it.each(Object.entries(routes))('to %s: %j', async (path, commands) => {
    const { cookie, costOf } = await startCosted({ keepAccounts })
    expect([await costOf(path, { cookie }), await costOf(path, { cookie })]).toEqual([commands, commands])
  })
})

describe('the store commands of a request of nobody', () => {
  it.each(Object.entries(jobs))('to %s: %j', async (path, commands) => {
    const { costOf } = await startCosted({ keepAccounts: true })
    expect([await costOf(path), await costOf(path)]).toEqual([commands, commands])
  })

  it('that looks for a user who keeps nothing: one for the accounts, one for the sessions', async () => {
    const { costOf } = await startCosted({ keepAccounts: false })
    expect(await costOf('/user')).toEqual(['users.read', 'subjects.count'])
  })
})

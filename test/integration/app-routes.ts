import { createHash } from 'node:crypto'
import type { Latchkey, RequestOAuth } from '@latchkey/express'
import type { Express, Request } from 'express'
import { ownerHeader } from './owner-header.ts'

/**
 * What members of the app do: `/data` is their `req.session`, `/put/:name/:value` changes it; `/accounts` are their
 * accounts and `/vault/:provider` the digest of the access token that the vault gives out for one; `/link` and
 * `/disconnect` are about the account at `other`. `/end/...` is an operator's, `/application/...` a job's.
 */
export function addMemberRoutes(
  app: Express,
  auth: Latchkey<'example' | 'other'>,
  resourceUrl: string,
): void {
  // A slow request: it is answered, and its session saved, when the API has answered.
  app.get('/put/:name/:value', async (req, res) => {
    Reflect.set(req.session, String(req.params.name), req.params.value)
    const reply = req.oauth.isAuthenticated ? await oauthOf(req).fetch(resourceUrl) : undefined
    await reply?.arrayBuffer()
    res.json({ isAuthenticated: req.oauth.isAuthenticated })
  })
  app.get('/data', (req, res) => {
    const { cookie: _, ...data } = req.session
    res.json(data)
  })
  app.get('/accounts', (req, res) => {
    res.json(oauthOf(req).accounts.map(({ provider }) => provider))
  })
  app.get('/vault/:provider', auth.requireLogin(), async (req, res) => {
    const { value } = await oauthOf(req).account(String(req.params.provider)).accessToken()
    res.json({ digest: createHash('sha256').update(value).digest('hex') })
  })
  app.all('/link', async (req) => {
    await oauthOf(req).login({ provider: 'other', link: true, returnTo: '/accounts' })
  })
  app.post('/disconnect', async (req, res) => {
    await oauthOf(req).account('other').disconnect()
    res.json(oauthOf(req).accounts.map(({ provider }) => provider))
  })
  app.post('/everywhere', async (req) => {
    await oauthOf(req).logout({ everywhere: true, returnTo: '/accounts' })
  })
  // Says whose request it is, so that the API can hold the token against it.
  app.get('/owned', auth.requireLogin(), async (req, res) => {
    const headers = { [ownerHeader]: String(req.get('x-visitor')) }
    const reply = await oauthOf(req).fetch(resourceUrl, { headers })
    res.status(reply.status).send(await reply.text())
  })
  addOperatorRoutes(app, auth, resourceUrl)
}

function addOperatorRoutes(app: Express, auth: Latchkey<'example' | 'other'>, resourceUrl: string): void {
  app.post('/end/user/:id', async (req, res) => {
    await (await auth.user(String(req.params.id)))?.logout()
    res.json({})
  })
  app.post('/end/account/:id', async (req, res) => {
    res.json({ count: await auth.endSessions({ provider: 'example', id: String(req.params.id) }) })
  })
  app.get('/application/:scope{/:audience}', async (req, res) => {
    const { scope, audience } = req.params
    const access = auth.application('example', {
      scope: [String(scope)],
      ...(audience !== undefined && { audience: String(audience) }),
    })
    const reply = await access.fetch(resourceUrl)
    res.status(reply.status).send(await reply.text())
  })
}

function oauthOf(req: Request): RequestOAuth {
  return req.oauth as unknown as RequestOAuth // whatever ids another program registered
}

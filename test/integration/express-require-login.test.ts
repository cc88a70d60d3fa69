import { type LatchkeyOptions, latchkey, oauth2 } from '@latchkey/express'
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express'
import request from 'supertest'
import { expect, describe as group, it } from 'vitest'

const example = oauth2({
  id: 'example',
  authorizationEndpoint: 'https://as.example/authorize',
  tokenEndpoint: 'https://as.example/token',
  userinfo: 'https://as.example/me',
  resourceOrigins: ['https://api.example'],
  clientId: 'client-1',
  clientSecret: 'client-secret-1',
})

const silent = () => {}
const setUp = (options: Partial<LatchkeyOptions> = {}) =>
  latchkey<string>({
    baseUrl: 'http://127.0.0.1:3000',
    providers: [example],
    logger: { debug: silent, info: silent, warn: silent, error: silent },
    ...options,
  })

/** Ends an app by answering errors with their code and message. */
function reportErrors(app: Express): Express {
  const report: ErrorRequestHandler = (error, _req, res, _next) => {
    res.status(500).json({ code: error.code, message: error.message })
  }
  return app.use(report)
}

group('requireLogin() in an app without types', () => {
  it.each([
    ['exbo', /requireLogin\(\{ provider: 'example' \}\), not a string/],
    [{ provider: 'exampel' }, /knows no "exampel"\. Did you mean "example"\?/],
    [{ provdier: 'example' }, /^requireLogin\(\) knows no "provdier"\. Did you mean "provider"\?/],
    [{ scope: 'read' }, /scope of requireLogin\(\) must be a list/],
  ])('refuses %j where the route is defined', (requirement, message) => {
    const auth = setUp()
    expect(() => auth.requireLogin(requirement as Parameters<typeof auth.requireLogin>[0])).toThrow(
      expect.objectContaining({ code: 'invalid_options', message: expect.stringMatching(message) }),
    )
  })

  it('takes an unknown provider with resolveProvider', () => {
    const auth = setUp({ resolveProvider: () => undefined })
    expect(auth.requireLogin({ provider: 'tenant-1' })).toBeTypeOf('function')
  })

  it('answers with an error, and never hangs, when it was not called', async () => {
    const auth = setUp()
    const app = express().use(auth)
    app.get('/', auth.requireLogin as unknown as RequestHandler, (_req, res) => void res.end('let through'))
    app.use(auth.errorHandler)
    const reply = await request(reportErrors(app)).get('/').timeout(2000)
    expect(reply.body).toMatchObject({
      code: 'invalid_options',
      message: expect.stringContaining('requireLogin()'),
    })
  })

  it('says how to mount when req.oauth is missing', async () => {
    const auth = setUp()
    const app = express().use('/other', auth)
    app.get('/', auth.requireLogin(), (_req, res) => void res.end())
    const reply = await request(reportErrors(app)).get('/')
    expect(reply.body).toMatchObject({
      code: 'not_supported',
      message: expect.stringMatching(/mount app\.use\(auth\) without a path and before the routes/),
    })
  })

  it('names the proxy when a mount path has no route below', async () => {
    const app = express().use('/shop', setUp({ baseUrl: 'http://127.0.0.1:3000/shop' }))
    const reply = await request(reportErrors(app)).get('/shop/login/example')
    expect(reply.body).toMatchObject({
      code: 'invalid_options',
      message: expect.stringMatching(
        /does not strip it, take it out of baseUrl and use routes: \{ prefix \}/,
      ),
    })
  })
})

group('latchkey() in an app without types', () => {
  it.each([
    [undefined, 'got nothing'],
    [{ baseUrl: 'http://127.0.0.1:3000', providers: [oauth2] }, 'call it: oauth2()'],
    [{ providers: [example], sesion: false }, 'Did you mean "session"?'],
  ])('refuses %j', (options, message) => {
    expect(() => latchkey(options as unknown as LatchkeyOptions)).toThrow(
      expect.objectContaining({ code: 'invalid_options', message: expect.stringContaining(message) }),
    )
  })

  it('refuses an event that nobody announces', () => {
    const misspelt = 'loggin' as 'login' // what an app in JavaScript could write
    expect(() => setUp().events.on(misspelt, silent)).toThrow('Did you mean "login"?')
  })
})

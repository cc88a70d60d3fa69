import { mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { output } from './packed-project.ts'
import { root } from './source-files.ts'

const programs = {
  express: `
  import { exbo, latchkey, spotify } from '@latchkey/express'
  import express from 'express'
  export const auth = latchkey({ providers: [spotify(), exbo()], session: { keep: ['basket'] } })
  declare module '@latchkey/express' {
    interface Register { auth: typeof auth }
    interface SessionData { basket: string[] }
  }
  const app = express().use(auth)
  app.get('/', auth.requireLogin({ provider: 'spotify' }), async (req, res) => {
    if (!req.oauth.isAuthenticated) return req.oauth.login({ provider: 'exbo' })
    const reply: Response = await req.oauth.fetch('https://api.spotify.com/v1/me')
    req.session.basket = [req.oauth.user.id, reply.statusText]
    res.json(await req.oauth.account('spotify').status())
  })
  app.use(auth.errorHandler)`,
  fastify: `
  import { exbo, latchkey, spotify } from '@latchkey/fastify'
  import Fastify from 'fastify'
  export const auth = latchkey({ providers: [spotify(), exbo()], session: { keep: ['basket'] } })
  declare module '@latchkey/fastify' {
    interface Register { auth: typeof auth }
  }
  declare module 'fastify' {
    interface Session { basket: string[] }
  }
  const app = Fastify()
  await app.register(auth)
  app.get('/', { onRequest: auth.requireLogin({ provider: 'spotify' }) }, async (req, reply) => {
    if (!req.oauth.isAuthenticated) return req.oauth.login({ provider: 'exbo' })
    const answer: Response = await req.oauth.fetch('https://api.spotify.com/v1/me')
    req.session.basket = [req.oauth.user.id, answer.statusText]
    return reply.send(await req.oauth.account('spotify').status())
  })
  app.setErrorHandler(auth.errorHandler)`,
} as const

let project: string

beforeAll(() => {
  project = realpathSync(mkdtempSync(join(tmpdir(), 'latchkey-types-')))
  symlinkSync(join(root, 'test/node_modules'), join(project, 'node_modules'))
})
afterAll(() => rmSync(project, { recursive: true }))

async function compile(source: string): Promise<string> {
  writeFileSync(join(project, 'app.mts'), source)
  const flags = ['--module', 'nodenext', '--target', 'es2023', '--strict', '--noEmit']
  const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules/@types')]
  const run = output(join(root, 'node_modules/.bin/tsc'), [...flags, ...types, 'app.mts'], project)
  return run.catch((error: Error) => error.message)
}

describe.each(Object.entries(programs))('the published types of @latchkey/%s', (_framework, program) => {
  it('give a registered app its provider ids and its session data', async () => {
    expect(await compile(program)).toBe('')
  })

  it.each([
    ["requireLogin({ provider: 'spotify' })", "requireLogin({ provider: 'spotfy' })"],
    ["login({ provider: 'exbo' })", "login({ provider: 'exxbo' })"],
    ["account('spotify')", "account('spotfy')"],
    ['session.basket = [', 'session.baskets = ['],
    ['if (!req.oauth.isAuthenticated) return', 'if (req.oauth.isAuthenticated) return'],
  ])('refuse %s written as %s', async (good, bad) => {
    expect(program).toContain(good)
    expect(await compile(program.replace(good, bad))).toMatch(/error TS/)
  })
})

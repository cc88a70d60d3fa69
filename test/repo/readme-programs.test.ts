import { mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { codeBlocks } from './code-block.ts'
import { output } from './packed-project.ts'
import { root } from './source-files.ts'

const packages = ['core', 'express', 'fastify', 'redis', 'cli']
const files = ['README.md', ...packages.map((name) => `packages/${name}/README.md`)]

/** What the programs take for granted: what stands before them in their README, or is the reader's own. */
const assumed: Readonly<Record<string, string>> = {
  app: "declare const app: import('express').Express",
  auth: "declare const auth: import('@latchkey/express').Latchkey<'spotify' | 'exbo'>",
  latchkey: "import { latchkey } from '@latchkey/express'",
  spotify: "import { spotify } from '@latchkey/express'",
  exbo: "import { exbo } from '@latchkey/express'",
  LatchkeyError: "import { LatchkeyError } from '@latchkey/express'",
  page: "declare const page: import('express').RequestHandler",
  play: "declare const play: import('express').RequestHandler",
  isAdmin: "declare const isAdmin: import('express').RequestHandler",
  server: "declare const server: import('node:http').Server",
  accept: 'declare function accept(req: object, socket: object, userId: string): void',
  users: `declare const users: {
    find(provider: string, id: string): Promise<string | undefined>
    create(name: string | undefined): Promise<string>
    isBanned(id: string): Promise<boolean>
    remember(provider: string, accountId: string, userId: string): void
  }`,
  accessToken: 'declare const accessToken: string',
  refreshToken: 'declare const refreshToken: string',
  expiresAt: 'declare const expiresAt: number',
  scope: 'declare const scope: string[]',
  accountId: 'declare const accountId: string',
  redis: "declare const redis: import('ioredis').Redis",
  redisStore: "import { redisStore } from '@latchkey/redis'",
}

/** The same on Fastify. */
const assumedOnFastify: typeof assumed = {
  ...assumed,
  app: "declare const app: import('fastify').FastifyInstance",
  auth: "declare const auth: import('@latchkey/fastify').Latchkey<'spotify' | 'exbo'>",
  latchkey: "import { latchkey } from '@latchkey/fastify'",
  latchkeyPlugin: "import latchkeyPlugin from '@latchkey/fastify'",
  spotify: "import { spotify } from '@latchkey/fastify'",
  exbo: "import { exbo } from '@latchkey/fastify'",
  page: "declare const page: import('fastify').RouteHandlerMethod",
  play: "declare const play: import('fastify').RouteHandlerMethod",
}

describe('the programs in the READMEs', () => {
  it('compile, every one', async () => {
    const project = realpathSync(mkdtempSync(join(tmpdir(), 'latchkey-readmes-')))
    onTestFinished(() => rmSync(project, { recursive: true }))
    symlinkSync(join(root, 'test/node_modules'), join(project, 'node_modules'))
    for (const file of files) {
      const programs = codeBlocks(file, 'ts')
      expect(programs.length, `programs in ${file}`).toBeGreaterThan(0)
      for (const { text, line } of programs) {
        const name = `${file.replaceAll(/[/.]/g, '-')}-line-${line}.mts`
        const known = file.includes('/fastify/') ? assumedOnFastify : assumed
        writeFileSync(join(project, name), `${text}\n${preludeOf(text, known)}\nexport {}\n`)
      }
    }
    const compilerOptions = {
      typeRoots: [join(root, 'node_modules/@types')],
      // A program shows what its text is about, and need not use all of it.
      ...{ noUnusedLocals: false, noUnusedParameters: false },
    }
    const config = { extends: join(root, 'tsconfig.json'), compilerOptions, include: ['*.mts'], exclude: [] }
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(config))
    expect(await output(join(root, 'node_modules/.bin/tsc'), ['-p', project], project)).toBe('')
  })
})

/** Declares what a program uses and neither declares nor imports. */
function preludeOf(program: string, known: typeof assumed): string {
  const isUsed = (name: string) => new RegExp(`(?<![.\\w'])${name}\\b(?!')`).test(program)
  const isOwn = (name: string) =>
    new RegExp(`\\b(const|let|function) (\\{[^}]*)?\\b${name}\\b|^import [^'"]*\\b${name}\\b`, 'm').test(
      program,
    )
  const missing = Object.entries(known).filter(([name]) => isUsed(name) && !isOwn(name))
  return missing.map(([, declaration]) => declaration).join('\n')
}

import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pnpm, setUp } from './setup.mjs'
import { fail, root } from './workspace.mjs'

/** The packages in the order of their dependencies. */
const names = ['core', 'express', 'fastify', 'redis', 'testing', 'cli']
const folder = join(root, '.tarballs')

/** Packs one package as it would be published and returns the tarball's path. */
async function pack(name) {
  const target = join(folder, name)
  mkdirSync(target, { recursive: true })
  const args = ['--dir', join(root, 'packages', name), 'pack', '--pack-destination', target]
  await pnpm(args, `@latchkey/${name} could not be packed.`)
  return join(target, readdirSync(target)[0])
}

/** A path as it can be pasted into a shell. */
function quoted(path) {
  return /[^\w./:\\-]/.test(path) ? `"${path}"` : path
}

try {
  await setUp()
  rmSync(folder, { recursive: true, force: true })
  console.log('packing …')
  const [core, express, fastify, redis, testing, cli] = (await Promise.all(names.map(pack))).map(quoted)
  console.log('\nIn the folder of your app:\n')
  console.log(`npm install ${core} ${express} express   # on Express`)
  console.log(`npm install ${core} ${fastify} fastify   # on Fastify`)
  console.log(`npm install ${redis} ioredis   # for several processes, and sessions that outlive a restart`)
  console.log(`npm install --save-dev ${testing}   # for its tests`)
  console.log(`npm install ${core} ${cli}   # for programs in a terminal`)
} catch (error) {
  fail(error)
}

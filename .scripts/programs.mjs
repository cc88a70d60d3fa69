import { accessSync, constants, existsSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { run } from './workspace.mjs'

/** Debian asks this file whether a freshly installed service may start. */
const servicePolicy = '/usr/sbin/policy-rc.d'

/** What installs a package by hand on Debian. */
export function installCommand(name) {
  return `apt-get update && apt-get install --yes ${name}`
}

/** The path of a program: the one that is `wanted`, else the first of `names` in the PATH, else `undefined`. */
export function findProgram(names, wanted) {
  if (wanted) return isProgram(wanted) ? wanted : undefined
  const folders = (process.env.PATH ?? '').split(delimiter)
  return folders.flatMap((folder) => names.map((name) => join(folder, name))).find(isProgram)
}

/** Installs a package when this is root on Debian; elsewhere does nothing. No service of it is started. */
export async function installOnDebian(name, purpose) {
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) return
  console.log(`installing ${name} with apt-get for ${purpose} …`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  await run('apt-get', ['update', '-qq'], { env })
  const install = ['install', '--yes', '-qq', '--no-install-recommends', name]
  const { code, output } = await withoutServices(() => run('apt-get', install, { env }))
  if (code !== 0) console.error(`${output}\napt-get could not install ${name}.`)
}

async function withoutServices(install) {
  if (existsSync(servicePolicy)) return install()
  // 101: the action is forbidden by policy.
  writeFileSync(servicePolicy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    return await install()
  } finally {
    rmSync(servicePolicy, { force: true })
  }
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

import open from 'open'

// A program of its own: what it starts inherits its few variables, and not those of the program that signs in.
const [, , url] = process.argv
if (url !== undefined) await open(url)

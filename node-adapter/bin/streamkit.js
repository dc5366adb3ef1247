#!/usr/bin/env node
// npm links a program only if it exists when packages are installed: before the build, that is this file.
import "../dist/cli.js";

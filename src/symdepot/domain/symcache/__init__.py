"""Symcaches: conversion of debug files, and address lookup."""
